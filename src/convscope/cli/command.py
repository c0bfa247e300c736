"""The command line: parses words, calls one function below, prints its value. Tensors load only where needed."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from convscope.cli.calc_options import Numeric, calc_options
from convscope.cli.option_types import BytesType, NumbersType, ShapeType, ShareType, TimeType
from convscope.errors import UserError, did_you_mean

MISTAKE = 2
"""The exit status where the user is asked to change something."""


class _Commands(click.Group):
    """Names the nearest command where one is not known."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        name = args[0]
        if name not in self.commands and not name.startswith("-"):
            raise UserError(
                "convscope", f"no command {name!r}", ", ".join(self.commands), did_you_mean(name, self.commands)
            )
        return super().resolve_command(ctx, args)


lang_option = click.option(
    "--lang", type=click.Choice(["en", "ko"]), default="en", show_default=True, help="Language of the report."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document; progress goes to stderr.")


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="DATA: digits, a folder of class folders, IDX or CIFAR files, a table with paths and labels, or a zip.",
)
@click.version_option(package_name="convscope", message="convscope %(version)s")
def cli() -> None:
    """Neural networks you can see through.

    A few lines of network and labelled pictures in; a trained, measured model out, every number open.

    \b
      convscope describe lenet5                 what a network costs, node by node
      convscope train digits                    train, measure, save, report
      convscope check DIR                       what is wrong with these pictures
      convscope train DIR --time 2m
      convscope evaluate runs/digits-1 digits
      convscope predict runs/digits-1 *.png
      convscope calc conv '1 2 3 / 0 1 5 / 1 0 2' '1 0 / 0 1'
    """


@cli.command()
@click.argument("net")
@click.option("--input", "shape", type=ShapeType(), help="The input's shape in place of the network's own.")
@click.option("--classes", type=click.IntRange(min=1), help="The number of outputs in place of the network's own.")
@click.option("--batch", type=click.IntRange(min=1), help="Add the memory that a batch of so many takes.")
@click.option("--dtype", default="float32", help="Of the activations: float32 or bfloat16.")
@click.option("--optimizer", default="adamw", help="Whose memory counts in training: adamw or sgd.")
@click.option("--fit", "limit", type=BytesType(), help="Say the largest batch that fits into so much: 8GB, 512MiB.")
@click.option("--markdown", is_flag=True, help="Print a Markdown table.")
@click.option("--svg", type=click.Path(), help="Draw the network into this file as well.")
@click.option(
    "--colour",
    "--color",
    "colour",
    type=click.Choice(["macs", "parameters", "memory"]),
    default="macs",
    show_default=True,
    help="What colours the drawing.",
)
@json_option
def describe(
    net: str,
    shape: tuple[int, ...] | None,
    classes: int | None,
    batch: int | None,
    dtype: str,
    optimizer: str,
    limit: int | None,
    markdown: bool,
    svg: str | None,
    colour: str,
    as_json: bool,
) -> None:
    """Shapes, parameters, MACs, receptive fields and memory of NET.

    NET is a known name (lenet5), a .net file (FILE:NAME where it holds several), or the notation itself in quotes.
    """
    from convscope.network import table, zoo
    from convscope.network.expand import GraphError
    from convscope.network.memory import dtype_named, largest_batch, memory, optimizer_named
    from convscope.network.summary import rows_of, summarise

    activations, held_by = dtype_named(dtype), optimizer_named(optimizer)
    network = zoo.find(net)
    if classes is not None:
        network = network.with_classes(classes, shape)
    try:
        graph = network.graph(shape)
        summary = summarise(graph, batch, activations, held_by)
    except GraphError as error:
        rows = rows_of(shape or network.input or (), error.nodes)
        if as_json:
            nodes = [table.row_dict(row) for row in rows]
            click.echo(json.dumps({"error": error.to_dict(), "nodes": nodes}, indent=2))
            sys.exit(MISTAKE)
        if rows:
            click.echo(table.rows_text(rows))
        raise
    if svg is not None:
        from pathlib import Path

        from convscope.files import write_atomically
        from convscope.network.drawing import draw

        write_atomically(Path(svg), draw(graph, colour, network.source.title).encode())
        click.echo(f"wrote {svg}", err=True)
    fitting = None if limit is None else largest_batch(graph, limit, activations, held_by)
    if as_json:
        document = table.to_dict(summary)
        if fitting is not None:
            document["fit"] = {"bytes": limit, "inference": fitting[0], "training": fitting[1]}
        click.echo(json.dumps(document, indent=2))
        return
    click.echo(table.to_markdown(summary) if markdown else table.to_text(summary))
    if fitting is not None and limit is not None:
        click.echo(table.fit_text(limit, *fitting, memory(graph, 1, activations, held_by)))


@cli.command()
@click.option("--reference", type=click.Path(), help="Print our counts beside those of this CSV table.")
@json_option
def zoo(reference: str | None, as_json: bool) -> None:
    """The networks that are known by name: sizes, years, sources."""
    from convscope.network import table
    from convscope.network import zoo as networks

    if reference is None:
        entries = networks.entries()
        click.echo(json.dumps(table.zoo_dict(entries), indent=2) if as_json else table.zoo_text(entries))
        return
    from pathlib import Path

    from convscope.network import published
    from convscope.network.network import read_text

    found = published.compare(published.read(read_text(Path(reference)), reference))
    if not found:
        raise UserError(reference, "no row is about a network of the zoo", "names such as resnet50 in column model")
    click.echo(json.dumps(table.published_dict(found), indent=2) if as_json else table.published_text(found))


@cli.command()
@click.argument("file")
@click.option("--check", is_flag=True, help="Change nothing; exit with status 2 where the layout is not canonical.")
def format(file: str, check: bool) -> None:  # noqa: A001  the command's name
    """Bring a .net FILE, of one network or several, to the one canonical layout."""
    from pathlib import Path

    from convscope.files import write_atomically
    from convscope.network.formatter import layout
    from convscope.network.network import read_text
    from convscope.network.notation import parse

    path = Path(file)
    written = read_text(path)
    text = layout(parse(written, path.name)[0])
    if written == text:
        click.echo(f"{file}: canonical already", err=True)
    elif check:
        raise UserError(file, "the layout is not canonical", hint=f"convscope format {file}")
    else:
        write_atomically(path, text.encode())
        click.echo(f"{file}: laid out anew", err=True)


@cli.command()
@click.argument("data", required=False)
@click.option("--net", help="A known name, a .net file, or the notation in quotes. Default: chosen for the pictures.")
@click.option("--weights", help="Start from a .pth or .safetensors file, or public weights by name: resnet18; none.")
@click.option("--freeze", help="Of --weights: all but the head, none, or up to a node. Default: by the time.")
@click.option("--epochs", type=float, help="Passes over the training pictures.")
@click.option("--time", type=TimeType(), help="Plan the run so that it ends, evaluated, within this: 90s, 2m, 1h.")
@click.option("--out", type=click.Path(), help="The run's folder. Default: runs/DATA-N.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, to the same weights.")
@click.option("--input", "shape", type=ShapeType(), help="The input's shape in place of the network's or the data's.")
@click.option("--fit", help="How pictures come to that size: stretch, crop, letterbox or pad.")
@click.option("--batch-size", type=int, help="Pictures a step.")
@click.option("--lr", type=float, help="Peak learning rate.")
@click.option("--optimizer", help="adamw, sgd (with Nesterov momentum) or muon.")
@click.option("--momentum", type=float, help="Of sgd; the first beta of adamw.")
@click.option("--weight-decay", type=float, help="Never on biases and normalisation.")
@click.option("--schedule", help="onecycle or cosine.")
@click.option("--warmup", type=float, help="The share of the plan in which the learning rate rises.")
@click.option("--label-smoothing", type=float, help="From 0 to 0.9.")
@click.option("--ema", type=float, help="Average the weights with this decay a step, for example 0.999.")
@click.option(
    "--augment", help="How training pictures are varied: auto, none, light, medium, strong; finer: medium,flip=never."
)
@click.option("--tta", help="none, or flip: the model averages a picture and its mirror image.")
@click.option("--micro-batch", type=int, help="Pictures computed at a time; a step adds up their gradients.")
@click.option("--progressive", type=float, help="The share of the plan on pictures of three quarters of the size.")
@click.option("--balance", help="Of rare and frequent classes: auto, none, weights (in the loss) or sampling.")
@click.option("--memory", type=BytesType(), help="What training may take: 2GB. Default: what is free.")
@click.option("--preview", type=click.Path(), help="Draw what the network will see as a PNG, and train nothing.")
@click.option("--patience", type=int, help="Stop after so many epochs without a better validation accuracy.")
@click.option("--precision", help="auto, float32 or bfloat16.")
@click.option("--device", help="auto, cpu or cuda.")
@click.option("--init", help="First weights: default, kaiming, xavier, lecun, pytorch, identity or whitened.")
@click.option("--checkpoint-seconds", type=float, help="How often the run is saved. Default: 15.")
@click.option("--seed", type=int, help="Of all randomness. Default: 0.")
@click.option("--sure", type=ShareType(), help="Answer `unknown` unless so many answers are right: 99%.")
@click.option("--no-report", is_flag=True, help="Leave report.html out.")
@lang_option
@json_option
def train(data: str | None, **options: Any) -> None:
    """Train on DATA, measure on pictures never seen, save the model and a report.

    Interrupt it when you like: --resume goes on to the same weights, bit for bit.
    """
    from convscope.cli.train import train_command

    sys.exit(train_command(data, **options))


@cli.command()
@click.argument("net")
@click.option("--weights", required=True, help="A .pth or .safetensors file, or public weights by name: resnet18.")
@click.option("--out", required=True, type=click.Path(), help="The model folder to write.")
@click.option("--names", type=click.Path(), help="A file with the class names, one a line. Default: 0, 1, 2, ...")
@click.option("--input", "shape", type=ShapeType(), help="The input's shape in place of the network's own.")
@click.option("--classes", type=click.IntRange(min=1), help="The number of outputs in place of the network's own.")
@click.option("--fit", default="crop", show_default=True, help="How pictures come to that size.")
@click.option("--keep", type=float, help="Of a crop: how much of the shorter side. Often 0.875; default 1.")
@click.option("--mean", type=NumbersType(), help="Of the pixels, from 0 to 1. Default: ImageNet's.")
@click.option("--std", type=NumbersType(), help="Of the pixels. Default: ImageNet's.")
@json_option
def load(**options: Any) -> None:
    """Make a model folder of NET and someone's weights for it: torchvision's, timm's, your own.

    Every tensor's name and shape is checked; what was adapted and what was left over is said.
    """
    from convscope.cli.model_commands import load_command

    load_command(**options)


@cli.command()
@click.argument("model", required=False)
@click.argument("picture", required=False)
@click.option("--at", help="The number to open: conv1[3,10,12], input[0,5,5]; with --step also conv1.weight[3,0,1,2].")
@click.option("--trail", is_flag=True, help="From there back to the pixels, always to the term that counts most.")
@click.option("--most", help="Terms to show, the largest first, or all. Default: 12.")
@click.option("--step", is_flag=True, help="One training step: the gradient of --at, the weight before and after.")
@click.option("--label", help="What the picture shows, where the data does not say.")
@click.option("--lr", type=float, default=0.01, show_default=True, help="Learning rate of the step.")
@click.option("--show", help="Draw maps, kernels, gradcam, layercam, hirescam, occlusion, integrated or field.")
@click.option("--node", help="Whose maps or kernels, or at which layer a class map looks.")
@click.option("--class", "class_name", help="The class that is explained. Default: the answer.")
@click.option("--png", type=click.Path(), help="The file that --show and --excite draw into.")
@click.option("--excite", help="A channel or unit, conv1[3]: PICTURE is DATA, and what excites it most is shown.")
@click.option("--init", is_flag=True, help="What first weights and depth do; MODEL is a network, or left out.")
@click.option("--scheme", help="With --init: one scheme of initialisation.")
@click.option("--precision", default="float32", show_default=True, help="Of the model: float32 or bfloat16.")
@click.option("--html", type=click.Path(), help="Write one page with all of it, that loads nothing.")
@click.option("--lang", type=click.Choice(["en", "ko"]), help="Of the page. Default: the reader's.")
@json_option
def look(**options: Any) -> None:
    """What MODEL does with PICTURE: every node's numbers, and any of them opened down to its multiply-adds.

    PICTURE is a file, or DATA:NUMBER, for example digits:3 or mnist/:train[3].
    """
    from convscope.cli.look import Asked, look_command

    look_command(Asked(**options))


@cli.command(
    cls=Numeric,
    epilog="OPERATION: conv, im2col, maxpool, avgpool, adaptiveavgpool, adaptivemaxpool, globalavgpool,"
    " globalmaxpool, linear, flatten, relu, relu6, leakyrelu, gelu, silu, hardswish, hardsigmoid, tanh, sigmoid,"
    " softmax, odds, logit, crossentropy, bce, onehot, batchnorm, layernorm, groupnorm, localresponsenorm, scale,"
    " dropout, add, mul, concat.",
)
@click.argument("operation")
@click.argument("values", nargs=-1)
@calc_options
@json_option
def calc(operation: str, values: tuple[str, ...], **options: Any) -> None:
    """One OPERATION on numbers that you type: its output, the rule of its shape, any output term by term.

    \b
      convscope calc conv '1 2 3 / 0 1 5 / 1 0 2' '1 0 1 / 0 1 0 / 1 0 1'
      convscope calc maxpool '1 1 2 3 / 4 6 6 8 / 3 1 1 0 / 1 2 2 4' 2
      convscope calc conv photo.png '0 -1 0 / -1 5 -1 / 0 -1 0' --grey --padding 1
      convscope calc softmax '2 1 0.1'

    VALUES are numbers by spaces or commas, rows by /, channels by |; a CSV table; a picture; or made up: 'count
    1x4x4', 'random 3x4x4', 'ones 7x3x3x3'. The input comes first, then kernels, weights or labels.
    """
    from convscope.cli.calc import calc_command

    calc_command(operation, values, options)


@cli.command()
@click.argument("net")
@click.option("--framework", default="pytorch", show_default=True, help="pytorch or keras.")
@click.option("--input", "shape", type=ShapeType(), help="The input's shape in place of the network's own.")
@click.option("--classes", type=click.IntRange(min=1), help="The number of outputs in place of the network's own.")
@click.option("--out", type=click.Path(), help="Write the file here. Default: standard output.")
@json_option
def code(
    net: str, framework: str, shape: tuple[int, ...] | None, classes: int | None, out: str | None, as_json: bool
) -> None:
    """NET as one readable file of plain PyTorch or Keras, without convscope; a model folder's weights fit it."""
    from pathlib import Path

    from convscope.files import write_atomically
    from convscope.model.export.source import code as written

    source = written(net, framework, shape, classes)
    if out is not None:
        write_atomically(Path(out), source.encode())
        click.echo(f"wrote {out}", err=True)
    if as_json:
        click.echo(json.dumps({"framework": framework, "file": out, "source": source}, indent=2, ensure_ascii=False))
    elif out is None:
        click.echo(source, nl=False)


@cli.command()
@click.argument("data")
@click.option("--model", help="A model folder: labels that it finds improbable are named, too.")
@click.option("--html", "page", type=click.Path(), help="Write a page with the pictures to this file.")
@click.option("--sheet", type=click.Path(), help="Draw what a network sees of the pictures, by each --fit, as a PNG.")
@click.option("--size", type=click.IntRange(min=8), default=96, show_default=True, help="Pixels a side on the sheet.")
@click.option("--fix", type=click.Path(), help="Write a cleaned list (CSV) to train on; no picture is touched.")
@click.option("--seed", type=int, default=0, help="Of the split that training would draw. Default: 0.")
@click.option("--strict", is_flag=True, help="Exit with status 1 where something should be mended.")
@json_option
def check(data: str, **options: Any) -> None:
    """What is wrong with DATA before anything is trained on it.

    Files that cannot be read, copies, test pictures that are also in training, contradicting and suspicious labels,
    blank pictures, rare classes.
    """
    from convscope.cli.check import check_command

    sys.exit(check_command(data, **options))


@cli.command()
@click.argument("model")
@click.argument("data")
@click.option("--split", help="train, val, test or all. Default: test where the data has one, else all.")
@click.option("--report", type=click.Path(), help="Write a self-contained HTML report to this file.")
@click.option("--robustness", is_flag=True, help="Measure blurred, noisy, compressed, dark, bright, pale pictures too.")
@click.option("--sure", type=ShareType(), help="Also measure `unknown` where so many answers must be right: 99%.")
@lang_option
@json_option
def evaluate(
    model: str,
    data: str,
    split: str | None,
    report: str | None,
    robustness: bool,
    sure: float | None,
    lang: str,
    as_json: bool,
) -> None:
    """What MODEL is worth on the labelled pictures of DATA."""
    from convscope.cli.model_commands import evaluate_command

    evaluate_command(model, data, split, report, robustness, sure, lang, as_json)


@cli.command()
@click.argument("models", nargs=-1, required=True)
@click.argument("data")
@click.option("--split", help="train, val, test or all. Default: test where the data has one, else all.")
@json_option
def compare(models: tuple[str, ...], data: str, split: str | None, as_json: bool) -> None:
    """Whether one of MODELS is better than another on DATA, or chance was kind to it."""
    from convscope.cli.compare import compare_command

    compare_command(models, data, split, as_json)


@cli.command()
@click.argument("model")
@click.argument("files", nargs=-1, required=True)
@click.option("--top", type=click.IntRange(min=1), default=3, show_default=True, help="How many classes to name.")
@click.option("--sure", type=ShareType(), help="Answer `unknown` unless so many answers are right: 99%.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV: file, class, probability, and the next best.")
@json_option
def predict(model: str, files: tuple[str, ...], top: int, sure: float | None, as_csv: bool, as_json: bool) -> None:
    """Classes and probabilities of FILES: pictures, folders, globs in quotes, or - for a list on standard input."""
    from convscope.cli.model_commands import predict_command

    predict_command(model, files, top, sure, as_csv, as_json)
