"""One module for each command; `engine.cli.app` names them."""
