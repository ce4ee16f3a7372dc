"""The command line inside a test: run it, and say how it must have ended."""

from click.testing import CliRunner

from fastembed.cli import app

LINES = ["the king loves the queen", "a man and a woman walk", "the boy and the girl play", "king queen man woman"] * 60


def run(*args, stdin=None):
    return CliRunner().invoke(app, list(args), input=stdin)


def done(result):
    assert result.exit_code == 0, result.output
    return result.output


def assert_refused(result, code, *parts):
    """The run failed with this exit code and one line that has these parts."""
    assert result.exit_code == code, result.output
    errors = [line for line in result.output.splitlines() if "error" in line]
    assert len(errors) == 1, result.output
    assert "Traceback" not in result.output
    for part in parts:
        assert part in errors[0]
