"""Makes the file of visits, once. Safe to run again: what is there stays."""

import json
import pathlib
import sys

visits = pathlib.Path(sys.argv[1])
if not visits.exists():
    visits.write_text(json.dumps({"visits": 0}))
print(f"{visits} is ready")
