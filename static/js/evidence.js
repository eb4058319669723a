// On a kiosk a figure opens its evidence in a dialog; without this script it is a link to the page.

const STALE = "Not opened: no connection. Try again.";

function sheet() {
  const found = document.getElementById("evidence");
  if (found) return found;
  const dialog = Object.assign(document.createElement("dialog"), { id: "evidence", className: "sheet is-evidence" });
  const close = Object.assign(document.createElement("button"), { className: "button", textContent: "Close", type: "button" });
  close.dataset.close = "";
  const body = Object.assign(document.createElement("div"), { className: "evidence-body" });
  dialog.append(close, body);
  document.body.append(dialog);
  return dialog;
}

async function open(address) {
  const dialog = sheet(), body = dialog.querySelector(".evidence-body");
  address.searchParams.set("fragment", "1");
  try {
    const answer = await fetch(address);
    body.innerHTML = answer.ok ? await answer.text() : "";
    if (!answer.ok) body.textContent = "This figure has no evidence any more.";
  } catch {
    body.textContent = STALE;
  }
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-evidence]");
  if (!link || !document.documentElement.classList.contains("is-kiosk")) return;
  event.preventDefault();
  open(new URL(link.href));
});
