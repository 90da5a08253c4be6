"""Print the flat network of a file: modules, repeats, shares and includes written out.

The output is a network file that gives the identical net. With --phase only the layers of that phase are printed.
"""

from pycaffe_geo.commands._common import option

EXAMPLE = "tools/expand.py --net prototxt/pose_early_fusion_small.yaml --phase TEST"


def arguments(parser):
    option(parser, "net", required=True)
    option(parser, "phase", default=None, help="print the layers of this phase alone")
    option(parser, "set")
    option(parser, "stage")
    option(parser, "level")
    option(parser, "out", metavar="FILE", help="write to this file instead of the terminal")


def run(args):
    from pycaffe_geo.spec import NetState, filter_net, load_net, to_yaml

    net = load_net(args.net, overrides=args.set)
    if args.phase:
        net = filter_net(net, NetState(args.phase, args.level, tuple(args.stage)))
    text = to_yaml(net)
    if args.out:
        with open(args.out, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")
