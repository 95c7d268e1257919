#!/bin/sh
# Measures every table and picture of docs/benchmarks.md and puts them there; about an hour on two idle cores.
#   tests/benchmarks/page.sh PEER_PYTHON FOLDER [CLOCK]
# FOLDER gets the figures as JSON. CLOCK is wall, or cpu where other programs share the machine; two cores are always
# timed by the wall clock. What needs one core runs on two at once, one kind of measurement on each.
set -eu
peers=$1 folder=$2 clock=${3:-wall}
here=$(dirname "$0")
page=$here/../../docs/benchmarks.md
pictures=$here/../../docs/images
mkdir -p "$folder"

warm="1 1e 1d 3 3f 4 4s 5 8 9 12 14 16 20a 20b 20c L"
run() { # name, core list, arguments of run.py
    name=$1 cores=$2
    shift 2
    taskset -c "$cores" python "$here/run.py" "$@" --peer-python "$peers" --json "$folder/$name.json" \
        >"$folder/$name.md" 2>"$folder/$name.err" || echo "$name: not everything is right, see $folder/$name.md"
}

one_core() {
    run one 0 $warm --rounds 6 --lives 2 --turn 0.1 --clock "$clock"
    run examples 0 E --libraries funcgrad jax --rounds 6 --lives 2 --turn 0.1 --clock "$clock"
}

once() {
    run cold 1 $warm --first cold --libraries funcgrad jax --rounds 3 --clock "$clock"
    run warm 1 $warm --first warm --libraries funcgrad jax jax-cached --rounds 3 --clock "$clock"
    run memory 1 $warm --memory --libraries funcgrad jax --rounds 1
    run processes 1 22 23 23m 23b 23s import --libraries funcgrad jax autograd --rounds 3 --clock "$clock"
    taskset -c 1 python "$here/growth.py" --peer-python "$peers" --clock "$clock" --rounds 3 \
        --json "$folder/growth.json" --picture "$pictures/growth.png" >"$folder/growth.out" 2>&1 || echo "growth failed"
}

one_core &
once &
wait
run two 0,1 $warm --cores 2 --rounds 6 --lives 2 --turn 0.1

render() { python "$here/render.py" "$folder/$1.json" --title "$2" --into "$page"; }
render one "one core"
render two "two cores"
render examples "examples"
render processes "whole processes"
render cold "first call, cold"
render warm "first call, warm"
render memory "memory"
python "$here/render.py" "$folder/one.json" --picture "$pictures/benchmarks.png" >/dev/null
