/* What every scanning page shares: sounds, a queue that survives the loss of the network, a camera that reads codes. */
"use strict";
(() => {
  // --- sounds: made here, so that nothing is fetched -------------------------------------------
  let audio = null, mute = localStorage.getItem("ruam.mute") === "1";
  const TUNES = { ok: [[880, 0, 0.06]], note: [[520, 0, 0.1]], done: [[660, 0, 0.08], [990, 0.09, 0.16]], stop: [[170, 0, 0.28], [140, 0.3, 0.35]] };
  function sound(name) {
    if (name === "stop") navigator.vibrate?.([220, 90, 220]);
    else if (name === "done") navigator.vibrate?.(60);
    if (mute) return;
    audio = audio || new (window.AudioContext || window.webkitAudioContext)();
    if (audio.state === "suspended") audio.resume();
    for (const [pitch, from, length] of TUNES[name]) {
      const tone = audio.createOscillator(), gain = audio.createGain(), at = audio.currentTime + from;
      tone.type = name === "stop" ? "square" : "sine"; tone.frequency.value = pitch;
      gain.gain.setValueAtTime(0.0001, at); gain.gain.exponentialRampToValueAtTime(name === "stop" ? 0.35 : 0.2, at + 0.01); gain.gain.exponentialRampToValueAtTime(0.0001, at + length);
      tone.connect(gain).connect(audio.destination); tone.start(at); tone.stop(at + length + 0.02);
    }
  }
  const quiet = { get on() { return mute; }, set on(value) { mute = value; localStorage.setItem("ruam.mute", value ? "1" : "0"); } };

  // --- the queue: every scan has a number of its own and is sent until the server answered it --------
  const fresh = () => (crypto.randomUUID ? crypto.randomUUID() : [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join(""));
  class Queue {
    /* send(scans) -> {answers: [{key, ...}], ...} or throws; told(answer of the server), changed(state) */
    constructor(name, send, told, changed) {
      Object.assign(this, { name, send, told, changed, busy: false, offline: false, since: 0, wait: 0 });
      try { this.items = JSON.parse(localStorage.getItem(name)) || []; } catch { this.items = []; }
      addEventListener("online", () => this.run());
      setInterval(() => this.changed(this), 500);
      if (this.items.length) setTimeout(() => this.run(), 0);
    }
    keep() { localStorage.setItem(this.name, JSON.stringify(this.items)); this.changed(this); }
    add(scan) { this.items.push({ key: fresh(), at: Date.now(), ...scan }); this.keep(); this.run(); }
    async run() {
      if (this.busy || !this.items.length) return;
      this.busy = true; this.since = Date.now(); clearTimeout(this.timer);
      const sent = this.items.slice(0, 20);
      try {
        const said = await this.send(sent);
        const answered = new Set(said.answers.map((a) => a.key));
        this.items = this.items.filter((x) => !answered.has(x.key));
        this.offline = false; this.wait = answered.size ? 0 : 400;
        this.busy = false; this.keep(); this.told(said);
      } catch (problem) {
        this.busy = false; this.offline = true; this.wait = Math.min(8000, (this.wait || 500) * 2);
        if (problem.gone) this.changed(this, problem);
        else this.changed(this);
      }
      if (this.items.length) this.timer = setTimeout(() => this.run(), this.wait);
    }
    get slow() { return this.busy && Date.now() - this.since > 900; }
  }
  async function post(url, token, body) {
    const stop = new AbortController(), timer = setTimeout(() => stop.abort(), 20000);
    try {
      const answer = await fetch(url, { method: "POST", signal: stop.signal, headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token }, body: JSON.stringify(body) });
      if (answer.status === 401 || answer.status === 400) throw Object.assign(new Error("login"), { gone: true });
      if (!answer.ok) throw new Error(String(answer.status));
      return await answer.json();
    } finally { clearTimeout(timer); }
  }

  // --- the camera: by the browser where it can, else by the server, frame by frame -------------------
  class Camera {
    constructor(video, frame, token, found, line) { Object.assign(this, { video, frame, token, found, line, on: false, seen: new Map() }); }
    async start() {
      try { this.stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } } }); }
      catch { return false; }
      this.video.srcObject = this.stream; await this.video.play(); this.on = true;
      const able = "BarcodeDetector" in window && (await BarcodeDetector.getSupportedFormats()).length;
      this.detector = able ? new BarcodeDetector() : null;
      this.look(); return true;
    }
    stop() { this.on = false; this.stream?.getTracks().forEach((t) => t.stop()); this.video.srcObject = null; this.seen.clear(); }
    async codes() {
      if (this.detector) return (await this.detector.detect(this.video)).map((c) => c.rawValue);
      if (!this.frame || !this.video.videoWidth) return [];
      const canvas = document.createElement("canvas"), scale = Math.min(1, 1280 / this.video.videoWidth);
      canvas.width = this.video.videoWidth * scale; canvas.height = this.video.videoHeight * scale;
      canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
      const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.85));
      const answer = await fetch(this.frame, { method: "POST", headers: { "Content-Type": "image/jpeg", Accept: "application/json", "X-CSRFToken": this.token }, body: blob });
      return answer.ok ? (await answer.json()).codes : [];
    }
    async look() {
      if (!this.on) return;
      let codes = [];
      try { codes = await this.codes(); } catch { codes = []; }
      const now = Date.now();
      for (const code of codes) { const last = this.seen.get(code) || 0; this.seen.set(code, now); if (now - last > 1200) this.found(code); } // held in view it counts once
      setTimeout(() => this.look(), this.detector ? 140 : 350);
    }
  }
  window.scanning = { sound, quiet, Queue, post, Camera };
})();
