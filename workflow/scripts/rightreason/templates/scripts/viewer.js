// NiiVue: the three planes on the screen. It is unpacked when the first case is opened.

const PLANES = { axial: 2, coronal: 1, sagittal: 0 };
const SLICE_TYPES = { axial: 0, coronal: 1, sagittal: 2, all: 3 };

let library = null;

/** Unpack NiiVue and run it: the page's policy allows it by its hash. */
function niivueLibrary() {
  library ??= unpack(byId("niivue").textContent.trim()).then((bytes) => {
    const script = document.createElement("script");
    script.textContent = new TextDecoder().decode(bytes);
    document.head.append(script);
    return window.niivue;
  });
  return library;
}

class Viewer {
  /** Attach NiiVue to a canvas; throws where there is no WebGL2. */
  static async on(canvas) {
    if (!document.createElement("canvas").getContext("webgl2")) throw new Error("no WebGL2");
    const niivue = await niivueLibrary();
    const viewer = new Viewer();
    viewer.niivue = niivue;
    const drag = niivue.DRAG_MODE;
    viewer.nv = new niivue.Niivue({
      logLevel: "error", dragAndDropEnabled: false, loadingText: "", backColor: [0, 0, 0, 1],
      crosshairColor: [0.35, 0.85, 1, 0.9], crosshairWidth: 0.3, crosshairWidthUnit: "percent", crosshairGap: 4, show3Dcrosshair: false,
      isRadiologicalConvention: true, sagittalNoseLeft: true, showAllOrientationMarkers: true,
      isOrientationTextVisible: true, fontMinPx: 17, fontColor: [1, 1, 1, 1], multiplanarShowRender: 0, multiplanarLayout: 0,
      multiplanarPadPixels: 4, viewModeHotKey: "", clipPlaneHotKey: "", cycleClipPlaneHotKey: "", isColorbar: false,
      dragMode: drag.windowing, dragModePrimary: drag.crosshair,
      mouseEventConfig: { leftButton: { primary: drag.crosshair }, rightButton: drag.windowing, centerButton: drag.pan },
      touchEventConfig: { singleTouch: drag.crosshair, doubleTouch: drag.pan },
    });
    await viewer.nv.attachToCanvas(canvas);
    return viewer;
  }

  async open(ct, window_) {
    for (const volume of [...this.nv.volumes].reverse()) this.nv.removeVolume(volume);
    this.layers = {};
    const image = await this.niivue.NVImage.new(ct.buffer, "ct.nii", "gray", 1, null, ...window_, true);
    this.nv.addVolume(image);
    this.nv.setPan2Dxyzmm([0, 0, 0, 1]);
  }

  /** Put a layer (bytes of an image in colour) over the CT in place of the one of that name; null takes it away. */
  async layer(name, buffer, opacity) {
    const image = buffer && (await this.niivue.NVImage.new(buffer, `${name}.nii`, "gray", opacity));
    if (this.layers[name]) this.nv.removeVolume(this.layers[name]);
    delete this.layers[name];
    if (!image) return;
    this.layers[name] = image;
    this.nv.addVolume(image);
  }

  fade(name, opacity) {
    const at = this.nv.volumes.indexOf(this.layers[name]);
    if (at > 0) this.nv.setOpacity(at, opacity);
  }

  window(low, high) {
    [this.nv.volumes[0].cal_min, this.nv.volumes[0].cal_max] = [low, high];
    this.nv.updateGLVolume();
  }

  planes(name) {
    this.nv.setSliceType(SLICE_TYPES[name]);
  }

  zoom(factor) {
    const pan = this.nv.scene.pan2Dxyzmm;
    const mm = this.position();
    this.nv.setPan2Dxyzmm(factor === 1 ? [0, 0, 0, 1] : [...[0, 1, 2].map((a) => pan[a] + (pan[3] - factor) * mm[a]), factor]);
  }

  position() {
    return [...this.nv.frac2mm(this.nv.scene.crosshairPos)].slice(0, 3);
  }

  moveTo(mm) {
    this.nv.scene.crosshairPos = this.nv.mm2frac(mm);
    this.nv.createOnLocationChange();
    this.nv.drawScene();
  }

  /** The window as it is, after NiiVue's own drag with the right button. */
  windowNow() {
    return [this.nv.volumes[0].cal_min, this.nv.volumes[0].cal_max];
  }

  /** The place in the patient under the pointer, or null beside the slices. */
  under(event) {
    const box = this.nv.canvas.getBoundingClientRect();
    const scale = this.nv.uiData.dpr || 1;
    const [x, y] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
    const tile = this.nv.tileIndex(x, y);
    if (tile < 0) return null;
    const fraction = this.nv.screenXY2TextureFrac(x, y, tile, false);
    return fraction[0] < 0 ? null : [...this.nv.frac2mm(fraction)].slice(0, 3);
  }
}
