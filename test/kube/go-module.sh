# Sourced by build scripts: programs of others, built from their published modules.

# module_with MODULE VERSION: writes ./go.mod, which takes every dependency in the version that MODULE's own go.mod names, as its
# authors build it. `replace` is left out: it points into their repository.
module_with() {
  local theirs
  theirs=$(go mod download -json "$1@$2" | sed -n 's/.*"GoMod": "\(.*\)",/\1/p')
  {
    echo 'module built'
    grep -E '^(go|toolchain|godebug) ' "$theirs"
    echo "require $1 $2"
    sed -n '/^require (/,/^)/p' "$theirs"
  } >go.mod
}
