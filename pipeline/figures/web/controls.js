// Buttons, choices and switches.
"use strict";

// Make buttons of which one is pressed.
function group(name, choices) {
  const set = document.createElement("div");
  set.className = "group";
  set.setAttribute("role", "group");
  set.setAttribute("aria-label", name);
  for (const [label, active, act] of choices) {
    const one = button(label, () => {
      for (const other of set.children) other.setAttribute("aria-pressed", other === one);
      act();
    });
    one.setAttribute("aria-pressed", active);
    set.append(one);
  }
  return set;
}

function button(label, act, hint = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.textContent = label;
  if (hint) made.title = hint;
  made.onclick = act;
  return made;
}

// Make a button that stays pressed until it is pressed again.
function switchButton(label, act, hint) {
  const made = button(label, () => {
    const on = made.getAttribute("aria-pressed") !== "true";
    made.setAttribute("aria-pressed", on);
    act(on);
  }, hint);
  made.setAttribute("aria-pressed", false);
  made.className = "single";
  return made;
}

function choice(name, options, chosen, act) {
  const select = document.createElement("select");
  select.setAttribute("aria-label", name);
  for (const option of options) select.append(new Option(option, option, false, option === chosen));
  select.onchange = () => act(select.value);
  return select;
}

function box(text, on, act, hint = "", kind = "") {
  const label = document.createElement("label"), input = document.createElement("input");
  input.type = "checkbox";
  input.checked = on;
  input.onchange = () => act(input.checked);
  label.className = kind;
  label.title = hint;
  label.append(input, text);
  return label;
}
