#!/usr/bin/env bash
# Shows that a repository is the same thing on Linux and on Windows: what either program wrote, the other adds to,
# checks and restores, with equal files, names, contents and times.
#
#   tests/windows/cross-platform.sh LUMIVAULT LUMIVAULT.EXE [WINE ARGS...]
#
# The command after the two programs runs the second one; without it, that is `wine`. A UTF-8 locale is needed: in the
# C locale Wine cannot write names that are not ASCII. Works in a folder of its own below TMPDIR, and removes it.
set -euo pipefail
linux=$(realpath "${1:?the program for Linux}")
windows=$(realpath "${2:?the program for Windows}")
shift 2
wine=("$@")
[ ${#wine[@]} -gt 0 ] || wine=(wine)
case $(locale charmap 2>/dev/null) in
UTF-8) ;;
*) echo "needs a UTF-8 locale, for example LC_ALL=C.UTF-8" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
printf 'correct horse' >password
chmod 600 password

fail() { echo "FAILED: $*" >&2; exit 1; }

# on SYSTEM REPOSITORY ARGS...: runs one of the programs; what it says is shown when it fails.
on() {
    local program
    case $1 in
    linux) program=("$linux") ;;
    windows) program=("${wine[@]}" "$windows") ;;
    esac
    "${program[@]}" -r "$2" --password-file password --cache-dir "cache-$1" --quiet "${@:3}" >said 2>&1 </dev/null ||
        { local code=$?; cat said >&2; fail "$* ended with $code"; }
}

# Bytes that do not compress, the same in every run.
noise() { awk -v seed="$1" -v bytes="$2" 'BEGIN { srand(seed); for (i = 0; i < bytes; i += 9) printf "%09d", rand() * 1e9 }'; }

# Names beyond ASCII (composed, decomposed, outside the first plane), beyond 260 characters in all, content in one and in
# many chunks, holes and nothing. Times with the 100 ns that Windows can keep.
phone() {
    local deep=$1/deep
    for level in 1 2 3 4 5 6; do deep+=/level-$level-$(printf '%040d' 0); done
    mkdir -p "$1/Pictures/Grüße aus Zürich" "$1/Документы/日本語" "$1/empty" "$deep"
    noise 1 3000000 >"$1/Pictures/Grüße aus Zürich/WP_20260514.jpg"
    cp "$1/Pictures/Grüße aus Zürich/WP_20260514.jpg" "$1/Pictures/again.jpg"
    noise 2 40000 >"$1/Документы/日本語/メモ.txt"
    noise 3 100 >"$1/Pictures/🎉 party.txt"
    printf 'BEGIN:VCARD\n' >"$1/Jürgen.vcf"
    printf 'decomposed\n' >"$1/$(printf 'Ju\314\210rgen.vcf')"
    printf 'deep\n' >"$deep/a file below more than 260 characters.txt"
    truncate -s 2M "$1/zeros.bin"
    : >"$1/nothing.txt"
    find "$1" -type f -exec touch -d '2026-05-14T18:30:00.1234567Z' {} +
    touch -d '1999-12-31T23:59:58Z' "$1/nothing.txt"
}

# The kind, path and size of everything, and the times of files.
listing() { (cd "$1" && find . -mindepth 1 \( -type f -printf '%y %P %s %T@\n' -o -printf '%y %P\n' \) | LC_ALL=C sort); }

same() {
    diff -r "$1" "$2" >said || { cat said >&2; fail "$2 differs from $1"; }
    diff <(listing "$1") <(listing "$2") >said || { cat said >&2; fail "names or times in $2 differ from $1"; }
}

contents() { find "$1" -type f -exec sh -c 'for file; do sha256sum <"$file"; done' sh {} + | sort; }

phone first
cp -a first second
noise 4 500000 >"second/Pictures/Überraschung.jpg"
touch -d '2026-06-14T18:30:00.7654321Z' "second/Pictures/Überraschung.jpg"
rm "second/Pictures/again.jpg"

# One system makes the repository and the first snapshot, the other the second; each checks and restores both.
for pair in "windows linux" "linux windows"; do
    read -r one other <<<"$pair"
    repository=written-on-$one
    on "$one" "$repository" init --no-recovery-code
    on "$one" "$repository" backup --phone "Lumia 930" --time 2026-05-14 first
    before=$(du -sb "$repository" | cut -f1)
    on "$other" "$repository" backup --phone "Lumia 930" --time 2026-06-14 second
    gained=$(($(du -sb "$repository" | cut -f1) - before))
    # The new picture is half a megabyte, of digits (so less than half of that); what both hold must not come again.
    [ "$gained" -lt 500000 ] || fail "the second snapshot in $repository took $gained bytes"
    for system in "$one" "$other"; do
        on "$system" "$repository" check --read-data
        on "$system" "$repository" restore --at 2026-05 --target "out-$repository-$system/first" --verify
        on "$system" "$repository" restore --at 2026-06 --target "out-$repository-$system/second" --verify
        same first "out-$repository-$system/first"
        same second "out-$repository-$system/second"
    done
    echo "ok: written on $one, continued on $other ($gained bytes more), checked and restored on both"
done

# Names that Windows cannot hold come back under others, with nothing dropped or overwritten.
mkdir names
for name in aux.txt COM1 'a:b' 'what?' 'a*b' 'pipe|' 'quote"' '<angle>' 'back\slash' 'dot.' 'space ' Case case CASE; do
    printf 'content of %s' "$name" >"names/$name"
done
on linux written-on-linux backup --phone names --time 2026-07-14 names
on linux written-on-linux restore --phone names --target names-linux
same names names-linux
on windows written-on-linux restore --phone names --target names-windows
diff <(contents names) <(contents names-windows) >said || { cat said >&2; fail "contents were lost under names that Windows cannot hold"; }
find names-windows -type f -printf '%f\n' | LC_ALL=C sort >said
if grep -nE '[:?*"<>|\\]|[. ]$|^(aux|com1)(\.|$)' -i said; then fail "names that Windows cannot hold"; fi
[ -z "$(LC_ALL=C tr '[:upper:]' '[:lower:]' <said | sort | uniq -d)" ] || fail "names that are equal but for case"
echo "ok: $(wc -l <said) names that Windows cannot hold, written on linux, restored on windows"
