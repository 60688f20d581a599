# Says whether a dump can be restored, before anything is changed: its checksum, its kind, whose it is, every byte of it.
# Prints the rows of every table in it. Connects to nothing.
# Arguments: DIRECTORY NAME DATABASE BIN ALLOW-UNCHECKED CLIENT-WORDS...
set -euo pipefail
directory=$1 name=$2 database=$3 bin=$4 allow_unchecked=$5
client=("${@:6}")
refuse() { echo "$*" >&2; exit 65; }

cd "$directory"
[[ -f $name ]] || refuse "there is no dump $name in $directory; there are: $(ls -1t -- *.dump 2>/dev/null | head -20 | paste -sd ' ')"
if [[ -f $name.sha256 ]]; then
  read -r wanted _ < "$name.sha256"
  found=$(sha256sum < "$name")
  [[ ${found%% *} == "$wanted" ]] || refuse "$name is not what was written: its checksum differs from $name.sha256 (truncated or changed)"
elif [[ $allow_unchecked != true ]]; then
  refuse "$name has no checksum file $name.sha256; say database_allow_unchecked=true if you trust it"
fi
contents=$("${client[@]}" "${bin}pg_restore" --list < "$name") || refuse "$name is no dump that pg_restore can read"
owner=$(sed -n 's/^; *dbname: //p' <<< "$contents" | head -1)
[[ $owner == "$database" ]] || refuse "$name is a dump of the database ${owner:-unknown}, not of $database"
grep -q '^[0-9]' <<< "$contents" || refuse "$name is a dump of nothing"
count_rows "$name" "${client[@]}" "${bin}pg_restore" || refuse "$name cannot be read to its end"
