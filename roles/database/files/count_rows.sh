# Rows by table out of a dump itself, as "table|rows": pg_restore writes the dump as SQL, where the rows of a table are the
# lines between COPY and \. . It reads every byte, so that a truncated dump is an error. Nothing is connected to.
count_rows() {
  local dump=$1
  shift
  "$@" --file=- < "$dump" | LC_ALL=C awk '
    copying && $0 == "\\." { print table "|" rows; copying = 0; next }
    copying { rows++; next }
    match($0, /^COPY ("([^"]|"")*"|[^" .]+)\.("([^"]|"")*"|[^" ]+) /) && / FROM stdin;$/ {
      table = substr($0, 6, RLENGTH - 6); rows = 0; copying = 1
    }
  ' | LC_ALL=C sort
}
