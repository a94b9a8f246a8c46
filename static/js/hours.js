// The week's grid of hours: days, hours and drags choose many at once. Without script every hour is a checkbox.
(() => {
  "use strict";

  const button = (text, act) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", act);
    return made;
  };
  const set = (boxes, on) => { for (const box of boxes) box.checked = on; };
  const toggle = (boxes) => set(boxes, !boxes.every((box) => box.checked));

  const enhance = (field) => {
    const rows = [...field.querySelectorAll("tbody tr")].map((row) => [...row.querySelectorAll("input")]);
    const all = rows.flat();
    field.querySelectorAll("tbody th").forEach((head, day) => {
      const choose = button(head.textContent, () => toggle(rows[day]));
      choose.setAttribute("aria-label", `All of ${head.textContent}`);
      head.replaceChildren(choose);
    });
    field.querySelectorAll("thead th").forEach((head, hour) => {
      const choose = button(head.textContent, () => toggle(rows.map((row) => row[hour])));
      choose.setAttribute("aria-label", `${head.textContent}:00 on all days`);
      head.replaceChildren(choose);
    });

    const weekdays = () => {
      set(all, false);
      for (const row of rows.slice(0, 5)) set(row.slice(8, 18), true);
    };
    const presets = document.createElement("div");
    presets.className = "hours-presets";
    presets.append(button("Weekdays 8 to 18", weekdays), button("Always on", () => set(all, false)));
    for (const one of presets.children) one.className = "button small";
    field.querySelector(".scroll").after(presets);

    // A drag gives every hour that it enters what it made of the first.
    let painting = null;
    const boxOf = (event) => event.target.closest?.("td")?.querySelector("input");
    field.addEventListener("pointerdown", (event) => {
      const box = boxOf(event);
      if (!box || event.pointerType === "touch" || event.button !== 0) return;
      event.preventDefault();
      painting = !box.checked;
      box.checked = painting;
      box.focus();
    });
    field.addEventListener("pointerover", (event) => {
      const box = boxOf(event);
      if (box && painting !== null) box.checked = painting;
    });
    field.addEventListener("click", (event) => {
      // The press has done it; a keyboard's click (detail 0) and a finger's have not.
      if (boxOf(event) && event.detail && event.pointerType !== "touch") event.preventDefault();
    });
    document.addEventListener("pointerup", () => { painting = null; });
  };
  for (const field of document.querySelectorAll("[data-hours]")) enhance(field);
})();
