"use strict";
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const one = (selector, within = document) => within.querySelector(selector);
  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  // Sentences: copy with citation.
  const told = one("#told");
  let fading;
  const tell = (message) => {
    told.textContent = message;
    clearTimeout(fading);
    fading = setTimeout(() => { told.textContent = ""; }, 4000);
  };
  const copyOldWay = (text) => {
    const area = make("textarea", { value: text });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  const copy = async (button) => {
    const sentence = one(".t", button.parentNode).textContent.replace(/\s+/g, " ").trim();
    const text = `“${sentence}” (${button.dataset.cite})`;
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      done = copyOldWay(text);
      button.focus();
    }
    tell(done ? `Copied: ${text.length > 300 ? `${text.slice(0, 300)}…` : text}` : "The browser does not let this page copy.");
  };
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-cite]");
    if (button) copy(button);
  });

  // Sentences: filters.
  for (const form of all("form.filters")) {
    form.addEventListener("submit", (event) => event.preventDefault());
    const apply = () => {
      const labels = new Set(all("input[name=label]:checked", form).map((box) => box.value));
      const [rest, uncertain, garbled] = ["rest", "uncertain", "garbled"].map((name) => form.elements[name].checked);
      let shown = 0;
      const sentences = all(".s");
      for (const sentence of sentences) {
        const wanted = sentence.dataset.l ? labels.has(sentence.dataset.l) : rest;
        const visible = wanted && (!uncertain || sentence.classList.contains("u")) && (!garbled || sentence.classList.contains("g"));
        sentence.hidden = !visible;
        shown += visible;
      }
      one(".count", form).textContent = `${shown.toLocaleString("en")} of ${sentences.length.toLocaleString("en")} sentences shown`;
    };
    form.addEventListener("change", apply);
    // A browser may bring choices back when the page is opened again.
    apply();
  }

  // Strips: one stop for the Tab key, arrows within.
  for (const strip of all(".strip")) {
    const cells = all("a", strip);
    cells.forEach((cell, place) => { cell.tabIndex = place ? -1 : 0; });
    strip.addEventListener("keydown", (event) => {
      const at = cells.indexOf(event.target);
      const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: cells.length - 1 }[event.key];
      if (at < 0 || to === undefined || !cells[to]) return;
      event.preventDefault();
      cells[at].tabIndex = -1;
      cells[to].tabIndex = 0;
      cells[to].focus();
    });
  }

  // Links to sentences and texts: open the text, go there.
  const go = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    const text = target.closest("details");
    if (text) text.open = true;
    target.hidden = false;
    target.scrollIntoView({ block: target.matches("details") ? "start" : "center" });
    const stop = one("summary, button", target);
    if (stop) stop.focus({ preventScroll: true });
  };
  window.addEventListener("hashchange", go);
  document.addEventListener("click", (event) => {
    // The same link again changes no hash.
    const link = event.target.closest("a[href^='#']");
    if (link && link.getAttribute("href") === location.hash) go();
  });
  go();

  // Tables: search, sort, pages, CSV.
  const island = one("#data");
  if (!island) return;
  const data = JSON.parse(island.textContent);
  const articles = data.articles.map(([number, source, group, language, scored, counts, garbled, uncertain, verdict, flag, cluster, role, text]) =>
    ({ number, source, group, language, scored, counts, garbled, uncertain, verdict, flag, cluster, role, text }));
  const claims = data.claims.map(([article, sentence, label, probability, start, end, text]) =>
    ({ article, sentence, label, probability, start, end, text, source: articles[article] ? articles[article].source : data.others[article] }));
  const share = (row, count) => (row.scored ? count / row.scored : -1);
  const bdi = (text) => make("bdi", { textContent: text });
  const link = (number, sentence, source) => {
    const known = articles[number] && articles[number].text;
    return known ? make("bdi", {}, make("a", { href: `#a${number}${sentence === undefined ? "" : `s${sentence}`}`, textContent: source })) : bdi(source);
  };
  const bar = (row, count, colour) => {
    const cell = make("td");
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const rect = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    const set = (element, attributes) => Object.entries(attributes).forEach(([name, value]) => element.setAttribute(name, value));
    set(svg, { class: "bar", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" });
    set(rect, { class: `f${colour}`, width: Math.max(0, Math.round(share(row, count) * 100)), height: 8 });
    svg.append(rect);
    cell.append(svg, row.scored ? ` ${(share(row, count) * 100).toFixed(0)} %` : " –");
    return cell;
  };
  const head = (...children) => make("th", { scope: "row" }, ...children);
  const names = data.labels.map(([name]) => name);

  const tables = {
    articles: {
      rows: articles,
      size: 50,
      value: (row, key) => {
        if (key.startsWith("label")) return share(row, row.counts[Number(key.slice(5))]);
        if (key === "garbled") return share(row, row.garbled);
        if (key === "verdict") return row.verdict === null ? -1 : row.verdict;
        return row[key];
      },
      text: (row) => `${row.source}\n${row.group}\n${row.language}`,
      choice: (row, value) => row.verdict !== null && String(row.flag) === value,
      cells: (row) => [
        head(link(row.number, undefined, row.source)), make("td", {}, bdi(row.group)), make("td", { textContent: row.scored }),
        ...row.counts.map((count, place) => bar(row, count, data.labels[place][2])), bar(row, row.garbled, "g"),
        make("td", { textContent: row.uncertain }),
        make("td", {}, row.verdict === null ? "–" : row.verdict.toFixed(2), ...(row.flag ? [" ", make("strong", { textContent: "garbled" })] : [])),
        make("td", { textContent: row.cluster ? `${row.cluster} ${row.role}` : "" }),
      ],
      columns: ["source", "group", "language", "scored", ...names, "garbled", "uncertain", "machine_translated_probability",
        "machine_translated_flag", "cluster", "role"],
      record: (row) => [row.source, row.group, row.language, row.scored, ...row.counts, row.garbled, row.uncertain, row.verdict,
        row.verdict === null ? null : Boolean(row.flag), row.cluster || null, row.role],
    },
    claims: {
      rows: claims,
      size: 25,
      value: (row, key) => (key === "label" ? names[row.label] : row[key]),
      text: (row) => `${row.text}\n${row.source}`,
      choice: (row, value) => String(row.label) === value,
      cells: (row) => [
        make("td", {}, make("span", { className: `c l${data.labels[row.label][2]}`, ariaHidden: "true", textContent: data.labels[row.label][1] }), ` ${names[row.label]}`),
        head(bdi(row.text)), make("td", { textContent: row.probability.toFixed(2) }),
        make("td", {}, link(row.article, row.sentence, row.source)), make("td", { textContent: `${row.start}–${row.end}` }),
      ],
      columns: ["source", "start", "end", "label", "probability", "text"],
      record: (row) => [row.source, row.start, row.end, names[row.label], row.probability, row.text],
    },
  };

  // A spreadsheet runs text that starts so as a formula; an apostrophe in front keeps it text (OWASP).
  const guarded = (value) => (typeof value === "string" && /^[=+\-@\t\r\n＝＋－＠]/.test(value) ? `'${value}` : value);
  const field = (value) => {
    const text = value === null || value === undefined ? "" : String(guarded(value));
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const save = (name, table, rows) => {
    const lines = [table.columns, ...rows.map(table.record)].map((record) => `${record.map(field).join(",")}\r\n`);
    const url = URL.createObjectURL(new Blob(lines, { type: "text/csv" }));
    make("a", { href: url, download: `${name}.csv` }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  };

  const order = new Intl.Collator("en", { numeric: true });
  for (const [name, table] of Object.entries(tables)) {
    const element = one(`[data-table=${name}]`);
    if (!element) continue;
    const body = one("tbody", element);
    const [search, choice, count, pager] = ["search", "choice", "count", "pager"].map((kind) => one(`[data-${kind}=${name}]`));
    table.rows.forEach((row) => { row.sought = table.text(row).toLocaleLowerCase("en"); });
    let key = null, rising = true, at = 0, rows = table.rows;

    const step = (text, by) => make("button", { type: "button", textContent: text, onclick: () => { at += by; show(); } });
    const back = step("Previous", -1), forth = step("Next", 1), where = make("span");
    pager.append(back, " ", where, " ", forth);
    const heads = all("th[data-key]", element).map((header) => header.textContent);
    const line = (row) => {
      const cells = table.cells(row);
      cells.forEach((cell, place) => { cell.dataset.name = heads[place]; });
      return make("tr", {}, ...cells);
    };
    const show = () => {
      const pages = Math.max(1, Math.ceil(rows.length / table.size));
      at = Math.min(Math.max(at, 0), pages - 1);
      body.replaceChildren(...rows.slice(at * table.size, (at + 1) * table.size).map(line));
      where.textContent = `Page ${(at + 1).toLocaleString("en")} of ${pages.toLocaleString("en")}`;
      back.disabled = at === 0;
      forth.disabled = at === pages - 1;
    };
    const choose = () => {
      const sought = search.value.trim().toLocaleLowerCase("en");
      rows = table.rows.filter((row) => row.sought.includes(sought) && (!choice.value || table.choice(row, choice.value)));
      if (key !== null) {
        const compare = (a, b) => (typeof a === "string" ? order.compare(a, b) : a - b);
        rows.sort((a, b) => (rising ? 1 : -1) * compare(table.value(a, key), table.value(b, key)));
      }
      count.textContent = `${rows.length.toLocaleString("en")} of ${table.rows.length.toLocaleString("en")} shown`;
      at = 0;
      show();
    };
    for (const header of all("th[data-key]", element)) {
      const button = make("button", { type: "button", textContent: header.textContent });
      header.replaceChildren(button);
      button.addEventListener("click", () => {
        const words = ["source", "group", "label", "text"].includes(header.dataset.key);
        rising = key === header.dataset.key ? !rising : words;
        key = header.dataset.key;
        all("th[data-key]", element).forEach((other) => other.removeAttribute("aria-sort"));
        header.setAttribute("aria-sort", rising ? "ascending" : "descending");
        choose();
      });
    }
    search.addEventListener("input", choose);
    choice.addEventListener("change", choose);
    one(`[data-csv=${name}]`).addEventListener("click", () => save(name, table, rows));
    choose();
  }
})();
