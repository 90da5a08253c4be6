"""What `infer` is made of: the net's inputs, the user's frames, what the net makes of them, and the files that are written.

A role is a text that says what an input of a net is, as FrameData names its tops: "color 0" the picture itself, "color -1" the
one before it (of a pair: src), "right 0" the right camera's, "depth", "intrinsics", "baseline". Other roles, such as "pose -1",
are the truth, which no user gives.
"""
