# Dumps a database beside its older dumps: under another name until it is complete, read back and checked, then renamed.
# Whatever ends it early, the older dumps stay and no half file is left. Prints the rows of every table in the dump.
# Arguments: DIRECTORY NAME DATABASE BIN NUMBER-OF-LOGIN-WORDS LOGIN-WORDS... CLIENT-WORDS...
set -euo pipefail
umask 077
directory=$1 name=$2 database=$3 bin=$4
login=("${@:6:$5}") client=("${@:6+$5}")
partial=.$name.partial

cd "$directory"
exec 9>.lock
flock --nonblock 9 || { echo "another backup into $directory is running" >&2; exit 75; }
# Left by one that was killed: nobody else works here while the lock is held.
rm -f -- .*.partial .*.partial.sha256
trap 'rm -f -- "$partial" "$partial.sha256"' EXIT

"${client[@]}" "${bin}pg_dump" "${login[@]}" --format=custom --lock-wait-timeout=60000 --dbname="$database" > "$partial"
rows=$(count_rows "$partial" "${client[@]}" "${bin}pg_restore")
sum=$(sha256sum < "$partial")
printf '%s  %s\n' "${sum%% *}" "$name" > "$partial.sha256"
sync "$partial" "$partial.sha256"
mv -- "$partial.sha256" "$name.sha256"
mv -- "$partial" "$name"
sync .
printf '%s\n' "$rows"
