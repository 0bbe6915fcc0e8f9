// ---- plotly.js, packed in the page or beside it, and then the frames ----

async function startPage() {
  startTheme();
  const packed = document.getElementById("plotly-packed");
  if (packed) {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(await inflated(packed.textContent.trim()));
    document.head.append(script);
  }
  const frames = [...document.querySelectorAll(".frame")].map((element) =>
    new Frame(element, JSON.parse(document.getElementById(element.dataset.frame).textContent)));
  window.ccdFrames = frames;
  const together = [...document.querySelectorAll(".desk")], alone = frames.filter(({ element }) => !element.closest(".desk"));
  const desks = [
    ...together.map((element) => new Desk(element, frames.filter((frame) => element.contains(frame.element)))),
    ...alone.map((frame) => new Desk(frame.element, [frame])),
  ];
  for (const frame of frames) await frame.start();
  for (const desk of desks) desk.start();
  startKeys(desks);
}

const started = startPage();
started.catch((error) => {
  document.querySelectorAll(".plot").forEach((plot) => { plot.textContent = `The figure cannot be drawn: ${error}`; });
  throw error;
});
