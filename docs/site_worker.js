// Browsers start no worker for a page that was opened from a disk, so the search runs in a hidden frame there.
if (location.protocol === "file:") {
  // The theme asks for this name to know where its files are.
  window.Worker = window.IFrameWorker = class extends EventTarget {
    constructor(url) {
      super();
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.append(this.frame);
      const inside = this.frame.contentWindow;
      inside.document.open();
      inside.document.write(
        "<body><script>" +
          "postMessage = (data) => parent.postMessage(data, '*');" +
          "importScripts = (...urls) => urls.reduce((before, url) => before.then(() =>" +
          "  new Promise((done) => { const script = document.createElement('script');" +
          "    script.src = url; script.onload = done; document.body.append(script); })), Promise.resolve());" +
          "</" + "script><script src='" + encodeURI(new URL(url, document.baseURI)) + "'></" + "script>"
      );
      inside.document.close();
      this.ready = new Promise((done) => { inside.onload = done; });
      addEventListener("message", (event) => {
        if (event.source !== inside) return;
        const message = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(message);
        if (this.onmessage) this.onmessage(message);
      });
    }
    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }
    terminate() { this.frame.remove(); }
  };
}
