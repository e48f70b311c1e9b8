"""table - JSON lines of a bench as a table on standard output, and as lines kept in bench/results.json.

    … | table.py BENCH COMMIT MACHINE KEPT      prints, appends to KEPT; exit 1 when the bench said "failed"
    table.py --merge RESULTS KEPT               KEPT into RESULTS, replacing older results of the same cases
"""
import json, os, sys, time


def case_of(result):
    """What names a case: its words; figures differ from run to run."""
    return json.dumps({k: v for k, v in result.items() if isinstance(v, str) and k not in ("commit", "machine", "date")}, sort_keys=True)


def show(result):
    words = [str(v) for v in result.values() if isinstance(v, str)]
    figures = [f"{k} {v}" for k, v in result.items() if not isinstance(v, (str, list, bool))]
    print("  " + "  ".join(words)[:44].ljust(44) + "  " + "  ".join(figures), flush=True)


def keep(bench, commit, machine, path):
    failed = False
    with open(path, "a") as kept:
        for line in sys.stdin:
            if line.strip() == "failed":
                failed = True
            if not line.startswith("{"):
                print("  " + line.rstrip(), flush=True)
                continue
            result = json.loads(line)
            show(result)
            result = {"bench": bench, **{k: v for k, v in result.items() if k != "bench"}}
            result.update(commit=commit, machine=machine, date=time.strftime("%Y-%m-%d"))
            kept.write(json.dumps(result) + "\n")
    return failed


def read(path):
    return [json.loads(line) for line in open(path)] if os.path.exists(path) else []


def merge(results, kept):
    by_case = {}
    for result in read(results) + read(kept):
        # a statistics row is named by its volume too
        by_case[case_of(result) + str(result.get("per_day", "")) + str(result.get("spans_per_record", ""))] = result
    with open(results, "w") as out:
        out.writelines(json.dumps(r) + "\n" for r in by_case.values())


if __name__ == "__main__":
    if sys.argv[1] == "--merge":
        merge(sys.argv[2], sys.argv[3])
    else:
        sys.exit(1 if keep(*sys.argv[1:5]) else 0)
