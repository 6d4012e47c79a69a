#!/bin/sh
# Log in, browse, make a signed link, and download by it with curl; a download that breaks off is taken up where it ended.
#
#     MARKET_URL=http://127.0.0.1:8080 MARKET_EMAIL=buyer@demo.example MARKET_PASSWORD='…' sh examples/download.sh
#
# Needs curl and what every system has (sed, grep, sha256sum). Leaves the file in the directory that it runs in.
set -eu

JSON='Content-Type: application/json'
# An answer; or the end, with the words that say what went wrong.
ask() { answer=$(curl -sS --fail-with-body "$@") || { printf '%s\n' "$answer" >&2; return 1; }; printf '%s\n' "$answer"; }
# Answers are JSON in one line without blanks: this takes the first text of a name (that ends so and so) out of one.
first() { grep -o '"'"$1"'":"[^"]*'"${2-}"'"' | head -n 1 | cut -d '"' -f 4; }

# Log in. The token is good for ten minutes. The password goes through a pipe: whoever lists the processes does not see it.
SESSION=$(printf '{"email":"%s","password":"%s"}' "$MARKET_EMAIL" "$MARKET_PASSWORD" | ask "$MARKET_URL/v1/sessions" -H "$JSON" -d @-)
TOKEN=$(printf '%s' "$SESSION" | first access_token)

# Browse: nobody needs an account for that.
CATALOGUE=$(ask "$MARKET_URL/v1/datasets?q=artist")
echo "For sale: $(printf '%s' "$CATALOGUE" | first title)"

# The newest licence whose files are there, its Parquet file, and a link to that which is good for ten minutes.
LICENCES=$(ask "$MARKET_URL/v1/licences" -H "Authorization: Bearer $TOKEN")
FILES=''
for LICENCE in $(printf '%s' "$LICENCES" | grep -o '"id":"licence_[^"]*"' | cut -d '"' -f 4); do
  FILES=$(curl -sS --fail "$MARKET_URL/v1/licences/$LICENCE/files" -H "Authorization: Bearer $TOKEN" 2>/dev/null) && break
done
[ -n "$FILES" ] || { echo "There is no licence to download by." >&2; exit 1; }
NAME=$(printf '%s' "$FILES" | first name .parquet)
LINKS=$(ask "$MARKET_URL/v1/licences/$LICENCE/links" -H "Authorization: Bearer $TOKEN" -H "$JSON" \
  -d '{"files":["'"$NAME"'"],"lifetime_s":600}')
LINK=$(printf '%s' "$LINKS" | first href) SHA256=$(printf '%s' "$LINKS" | first sha256)

# Download, until the digest is the one that was promised. `-C -` asks, with `Range`, for what is missing behind the bytes that are there;
# a link is good for any number of tries.
# What is there of it has its digest in the name, so that nothing is written behind an older file of the same name.
PART="$NAME.$SHA256.part"
whole() { [ -f "$1" ] && echo "$SHA256  $1" | sha256sum -c --status -; }
tries=0
until whole "$NAME"; do
  tries=$((tries + 1))
  [ "$tries" -le 10 ] || { echo "Ten tries were not enough. What is there is $PART." >&2; exit 1; }
  curl -sS --fail -C - -o "$PART" "$LINK" || echo "It broke off after $(wc -c < "$PART") bytes; going on from there." >&2
  if whole "$PART"; then mv "$PART" "$NAME"; fi
done
echo "$NAME: $(wc -c < "$NAME") bytes, SHA-256 $SHA256 as promised"
