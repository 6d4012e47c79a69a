"use strict";
// The link ends in #verify_… or #reset_…: the token says what it is for.
const token = location.hash.slice(1);
const purpose = ["verify", "reset"].find((name) => token.startsWith(name + "_"));
const outcome = document.getElementById("outcome");

const paths = { verify: "/v1/email-verifications", reset: "/v1/password-resets" };
const done = {
  verify: "Thank you. Your address is confirmed.",
  reset: "Your password is set, and every session is ended. Log in again.",
};

if (purpose) {
  const section = document.getElementById(purpose);
  section.hidden = false;
  outcome.textContent = "";
  section.querySelector("button").addEventListener("click", async () => {
    const input = section.querySelector("input");
    const body = input ? { token, password: input.value } : { token };
    try {
      const answer = await fetch(paths[purpose], {
        method: "PUT",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      });
      if (answer.ok) {
        section.hidden = true;
        history.replaceState(null, "", location.pathname);
        outcome.textContent = done[purpose];
      } else {
        const problem = await answer.json();
        outcome.textContent = problem.title + ". " + problem.detail;
      }
    } catch {
      outcome.textContent = "The server did not answer. Try again in a moment.";
    }
  });
}
