// The key stands after the # of the address, which a browser sends to nobody. It is given once, for a cookie.

async function open(key) {
  const said = document.getElementById("said");
  const answer = await fetch("open", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ key }),
  });
  if (answer.ok) location.replace("board");
  else said.textContent = `Not opened: ${await answer.text()}`;
}

function look() {
  if (location.hash.length > 1) open(location.hash.slice(1));
}

addEventListener("hashchange", look);
look();
