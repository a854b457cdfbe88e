#!/bin/sh
# The official image's ways to be called: with a configuration file, with arguments of `registry`, or with a program.
set -eu

case ${1:-} in
*.yml | *.yaml) exec registry serve "$@" ;;
serve | garbage-collect | help | -*) exec registry "$@" ;;
*) exec "$@" ;;
esac
