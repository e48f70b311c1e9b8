# count.awk - sums what `ctest -V` printed: each cmocka test counts; another program counts as one.
# Prints "PASSED FAILED SKIPPED" and, with -v details=FILE, writes there what failed or was skipped,
# and the last lines of what failed: whoever reads only the CI's output must see why.
#
# Output of test 12 comes in lines "12: …"; its result in "3/40 Test #12: name .....   Passed  0.1 sec".
function note(text) { if (details != "") print text > details }

function note_last_lines(id,    i) {
    for (i = lines[id] > LAST ? lines[id] - LAST : 0; i < lines[id]; i++)
        note("      | " substr(last[id, i % LAST], 1, 300))
}

BEGIN { LAST = 40 }

match($0, /^[0-9]+: /) {
    id = substr($0, 1, RLENGTH - 2) + 0
    line = substr($0, RLENGTH + 1)
    last[id, lines[id]++ % LAST] = line
    if (match(line, /\[ RUN      \] /)) {
        running[id] = substr(line, RSTART + RLENGTH)
    } else if (running[id] != "" && index(line, "[       OK ] " running[id])) {
        passed[id]++
        running[id] = ""
    } else if (running[id] != "" && index(line, "[  FAILED  ] " running[id])) {
        failed[id]++
        names[id] = names[id] "\n    " running[id]
        running[id] = ""
    } else if (running[id] != "" && index(line, "[  SKIPPED ] " running[id])) {
        skipped[id]++
        names_skipped[id] = names_skipped[id] "\n    " running[id]
        running[id] = ""
    }
    next
}

match($0, /Test +#[0-9]+: /) && /sec/ {
    text = substr($0, RSTART)
    id = text
    sub(/^Test +#/, "", id)
    id += 0
    split(text, word, " ")
    name = text
    sub(/^Test +#[0-9]+: /, "", name)
    sub(/ .*/, "", name)
    if (running[id] != "") { # it ended in the middle of a test
        failed[id]++
        names[id] = names[id] "\n    " running[id] " (did not end)"
    }
    if (text ~ /\*\*\*Skipped/ && passed[id] + failed[id] + skipped[id] == 0) {
        skipped[id] = 1
    } else if (text ~ /\*\*\*/ && text !~ /\*\*\*Skipped/ && failed[id] + 0 == 0) {
        failed[id] = 1
        names[id] = names[id] "\n    the program: " substr(text, index(text, "***"))
    } else if (text ~ / Passed / && passed[id] + failed[id] + skipped[id] == 0) {
        passed[id] = 1
    }
    if (failed[id]) {
        note("  failed: " name names[id])
        note_last_lines(id)
    }
    if (skipped[id]) note("  skipped: " name names_skipped[id])
    total_passed += passed[id]
    total_failed += failed[id]
    total_skipped += skipped[id]
}

END { print total_passed + 0, total_failed + 0, total_skipped + 0 }
