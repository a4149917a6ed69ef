# Made by schemas/generate.mjs from schemas/commands.json; do not edit.
_seismo() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} words='' files=''
  if [ "$COMP_CWORD" = 1 ]; then
    mapfile -t COMPREPLY < <(compgen -W 'run setup check-config health drain export mark demo forget access reset-access sourcemap code version help' -- "$word")
    return
  fi
  case $before in
    --config) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$word"); return ;;
    --roles) mapfile -t COMPREPLY < <(compgen -W 'all ingest index rollup detect sources live' -- "$word"); return ;;
    --windows) mapfile -t COMPREPLY < <(compgen -W '10 60' -- "$word"); return ;;
    --kibana | --space | --service | --session | --since | --application | --environment | --sessions | --user | --release | --url-prefix | --url | --token) return ;;
  esac
  case ${COMP_WORDS[1]} in
    run) words='--roles --config' ;;
    setup) words='--strict --kibana --space --config' ;;
    check-config) words='--print --config' ;;
    health) words='--config' ;;
    drain) words='--config' ;;
    export) words='--service --session --since --windows --config' ;;
    mark) words='deploy --application --service --environment --config' ;;
    demo) words='--remove --sessions --config' ;;
    forget) words='--user --application --dry-run --config' ;;
    access) words='--config' ;;
    reset-access) words='--config' ;;
    sourcemap) words='upload --release --url-prefix --url --token --config' files=yes ;;
    code) words='--config' ;;
    version) words='--config' ;;
    help) words='--config' ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  if [ -n "$files" ]; then
    compopt -o filenames
    mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
  fi
}
complete -F _seismo seismo
