"""Compare the gradients of a network, or of one layer of it, with numeric ones (float64, central differences).

Data layers give their first samples; with --shape they are replaced by random samples and no data are needed.
Ends in 0 where all gradients are right, in 1 where one is wrong; the report names layer, blob, index and both numbers.
"""

from pycaffe_geo.commands._common import net_options, option, positive, whole

EXAMPLE = """
tools/check_gradients.py --net prototxt/pose_early_fusion_small.yaml --layer T
tools/check_gradients.py --net prototxt/pose_early_fusion_small.yaml --batch 1 --probes 5
"""


def arguments(parser):
    net_options(parser, phase="TRAIN")
    option(parser, "weights", help="weights to check at (default: the initial values)")
    option(parser, "layer")
    parser.add_argument("--batch", metavar="N", type=whole, default=2, help="samples at most (default: %(default)s)")
    parser.add_argument("--probes", metavar="N", type=whole, default=20, help="elements of large blobs (default: %(default)s)")
    parser.add_argument("--tolerance", metavar="X", type=positive, default=1e-6, help="largest error (default: %(default)s)")


def run(args):
    from pycaffe_geo.gradient_check_net import check_net
    from pycaffe_geo.spec import load_net

    report = check_net(
        load_net(args.net, overrides=args.set),
        layer=args.layer,
        phase=args.phase,
        seed=args.seed,
        tolerance=args.tolerance,
        probes=args.probes,
        batch=args.batch,
        shapes=dict(args.shape),
        weights=args.weights,
        level=args.level,
        stages=tuple(args.stage),
        max_memory=args.max_memory,
    )
    print(report)
    return 0 if report.ok else 1
