#!/bin/sh
# Log in, browse, make a signed link, and download by it with curl; a download that breaks off is taken up where it ended.
#
#     MARKET_URL=http://127.0.0.1:8080 MARKET_EMAIL=buyer@demo.example MARKET_PASSWORD='…' sh examples/download.sh
#
# Needs curl and what every system has (sed, grep, sha256sum). Leaves the file in the directory that it runs in.
set -eu

JSON='Content-Type: application/json'
# Answers are JSON without blanks; these take the first text of that name out of one.
text() { sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p'; }
first() { grep -o '"'"$1"'":"[^"]*'"${2-}"'"' | head -n 1 | cut -d'"' -f4; }
# --fail-with-body: the exit status tells of a refusal, and the words that say why are shown all the same.
ask() { curl -sS --fail-with-body "$@" || { echo >&2; exit 1; }; }

# Log in. The token is good for ten minutes. A password in a file or a pipe is seen by nobody who lists the processes.
LOGIN='{"email":"'$MARKET_EMAIL'","password":"'$MARKET_PASSWORD'"}'
TOKEN=$(printf '%s' "$LOGIN" | ask "$MARKET_URL/v1/sessions" -H "$JSON" -d @- | text access_token)

# Browse: nobody needs an account for that.
echo "For sale: $(ask "$MARKET_URL/v1/datasets?q=artist" | first title)"

# The newest licence, its Parquet file, and a link to that which is good for ten minutes.
LICENCE=$(ask "$MARKET_URL/v1/licences" -H "Authorization: Bearer $TOKEN" | first id)
NAME=$(ask "$MARKET_URL/v1/licences/$LICENCE/files" -H "Authorization: Bearer $TOKEN" | first name .parquet)
LINKS=$(ask "$MARKET_URL/v1/licences/$LICENCE/links" -H "Authorization: Bearer $TOKEN" -H "$JSON" \
  -d '{"files":["'"$NAME"'"],"lifetime_s":600}')
LINK=$(echo "$LINKS" | text href) SHA256=$(echo "$LINKS" | text sha256)

# Download, until the digest is the one that was promised. `-C -` asks, with `Range`, for what is missing behind the bytes that are there;
# a link is good for any number of tries.
whole() { [ -f "$NAME" ] && echo "$SHA256  $NAME" | sha256sum -c --status -; }
tries=0
until whole; do
  tries=$((tries + 1))
  [ "$tries" -le 10 ] || { echo "Ten tries were not enough. Is an older $NAME in the way?" >&2; exit 1; }
  curl -sS --fail -C - -o "$NAME" "$LINK" || echo "It broke off after $(wc -c < "$NAME") bytes; going on from there." >&2
done
echo "$NAME: $(wc -c < "$NAME") bytes, SHA-256 $SHA256 as promised"
