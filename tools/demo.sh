#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Installs what is missing, builds pawl, and tells the story of examples/tumour: demo.sh [FOLDER]
# FOLDER (build/demo) takes a copy of the example and a cache of its own; run again, it starts from that cache and takes seconds.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n== %s\n' "$*"; }

say "What pawl needs from this machine"
tools/deps build
make -s -j"$(nproc)"
pawl=$PWD/build/pawl
echo "$pawl: $("$pawl" version)"

work=${1:-build/demo}
mkdir -p "$work"
work=$(cd "$work" && pwd)
export PAWL_CACHE=$work/cache
project=$work/tumour
rm -rf "$project"
cp -R examples/tumour "$project"
[ ! -f "$work/pawl.lock" ] || cp "$work/pawl.lock" "$project/pawl.lock"
cd "$project"

rows=()
# act TITLE COMMAND...: run it, and keep its wall time for the table at the end.
act() {
	local title=$1 began ended
	shift
	say "$title"
	printf '$ %s\n' "${*/$pawl/pawl}"
	began=$(date +%s%N)
	"$@"
	ended=$(date +%s%N)
	rows+=("$(printf '%-58s %9.3f s' "$title" "$(((ended - began) / 1000))e-6")")
}
# edit FILE OLD NEW
edit() {
	python3 - "$@" <<'PY'
import pathlib, sys
path, old, new = sys.argv[1:]
text = pathlib.Path(path).read_text()
assert old in text, (path, old)
pathlib.Path(path).write_text(text.replace(old, new, 1))
PY
	echo "(edited $1: '$2' -> '${3//$'\n'/\\n}')"
}

act "The first run: requirements, environment, nine steps" "$pawl" run
cp pawl.lock "$work/pawl.lock"
act "Nothing changed" "$pawl" run

edit tumour/shapes.py '"""Features that doctors would name' $'# a comment\n"""Features that doctors would name'
act "A comment changed: nothing runs" "$pawl" run

edit tumour/shapes.py 'np.log1p(area)' 'np.sqrt(area)'
act "A helper changed: why" "$pawl" why features
act "A helper changed: only what reaches it runs" "$pawl" run

act "A parameter: one branch" "$pawl" run -p trees=40
act "The parameter's default again: all of it is known" "$pawl" run

edit requirements.txt '# what the steps import' '# what the steps import, pinned'
act "A comment in requirements.txt: nothing" "$pawl" run

act "The container image, without a daemon" "$pawl" build base --output oci:image
if command -v skopeo >/dev/null; then
	skopeo inspect --format '{{.Digest}}, {{len .Layers}} layers' oci:image
fi
act "The image again" "$pawl" build base

edit tumour/tables.py 'lineterminator="\n"' "lineterminator='\n', mode='w'"
act "A helper changed, its results did not: the wave stops" "$pawl" run

edit tumour/page.py '<h1>Tumours</h1>' '<h1>Breast tumours</h1>'
act "One line of code changed: the image gets one small layer" "$pawl" build base --output oci:image
act "And the report" "$pawl" run

say "What it took"
printf '%s\n' "${rows[@]}"
echo
echo "The report: $project/out/report.html"
echo "Go on in:   $project   (export PAWL_CACHE='$PAWL_CACHE'; PATH='${pawl%/*}':\$PATH)"
