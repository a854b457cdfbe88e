
"use strict";
// Click to copy: the digest, whole. Where the browser gives no clipboard, it is selected.
for (const button of document.querySelectorAll("button.copy")) {
  const said = button.parentElement.querySelector("[role=status]");
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      said.textContent = "copied";
    } catch {
      getSelection().selectAllChildren(button);
      said.textContent = "selected: copy it with Ctrl+C";
    }
    setTimeout(() => { said.textContent = ""; }, 3000);
  });
}
