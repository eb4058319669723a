// A photo is sent as soon as it is taken, made small before it travels.

const LARGE_BYTES = 1_500_000;
const LONGEST_SIDE = 1600;

/** The file as a smaller JPEG; as it is when this browser cannot read it, the server then says what is wrong. */
async function smaller(file) {
  try {
    const image = await createImageBitmap(file);
    const scale = Math.min(1, LONGEST_SIDE / Math.max(image.width, image.height));
    const canvas = Object.assign(document.createElement("canvas"), { width: Math.round(image.width * scale), height: Math.round(image.height * scale) });
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
    return new File([blob], "photo.jpg", { type: "image/jpeg" });
  } catch {
    return file;
  }
}

document.addEventListener("change", async ({ target }) => {
  if (!target.matches("[data-at-once]") || !target.files.length) return;
  if (target.files[0].size > LARGE_BYTES) {
    const chosen = new DataTransfer();
    chosen.items.add(await smaller(target.files[0]));
    target.files = chosen.files;
  }
  target.form.requestSubmit();
});
