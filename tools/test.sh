#!/bin/sh
# All tests, side by side. Those that failed are named and run once more, one after the other: what needed a
# quiet machine passes then, what is wrong fails twice. Arguments go to pytest.
python=$1
shift
"$python" -m pytest -n 3 --dist loadgroup --cov --cov-report=term "$@"
status=$?
[ "$status" -eq 1 ] || exit "$status"
printf '\nThe tests that failed, once more and alone; mend those that pass only so:\n'
exec "$python" -m pytest --last-failed --last-failed-no-failures none --maxfail 10 -rA --no-header -q "$@"
