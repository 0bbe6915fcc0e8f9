// ---- plotly.js, packed in the page or beside it, and then the frames ----

async function startPage() {
  const packed = document.getElementById("plotly-packed");
  if (packed) {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await inflated(packed.textContent.trim()));
    document.head.append(script);
  }
  const frames = [...document.querySelectorAll(".frame")].map((element) =>
    new Frame(element, JSON.parse(document.getElementById(element.dataset.frame).textContent)));
  window.ccdFrames = frames;
  for (const frame of frames) await frame.start();
}

const started = startPage();
started.catch((error) => {
  document.querySelectorAll(".plot").forEach((plot) => { plot.textContent = `The figure cannot be drawn: ${error}`; });
  throw error;
});
