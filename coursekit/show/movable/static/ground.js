// A surface seen from above: what table.py makes of it, painted as a heat map with contours.

// The heat map with its contours, painted once for each size.
class Ground {
  constructor(data) {
    this.data = data;
    this.heights = codes(data.heights);
    this.image = this.paintHeights();
  }

  paintHeights() {
    const { rows, columns, colors, top } = this.data;
    const stops = colors.map((color) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16)));
    const image = Object.assign(document.createElement("canvas"), { width: columns, height: rows });
    const pen = image.getContext("2d");
    const pixels = pen.createImageData(columns, rows);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < columns; column++) {
        const place = (this.heights[row * columns + column] / top) * (stops.length - 1);
        const below = Math.min(Math.floor(place), stops.length - 2);
        const at = 4 * ((rows - 1 - row) * columns + column); // the first row is the lowest
        for (let c = 0; c < 3; c++) {
          pixels.data[at + c] = stops[below][c] + (place - below) * (stops[below + 1][c] - stops[below][c]);
        }
        pixels.data[at + 3] = 255;
      }
    }
    pen.putImageData(pixels, 0, 0);
    return image;
  }

  // Marching squares: in each cell of the grid the line crosses the edges whose ends lie on both sides of the level.
  contour(pen, level, toX, toY) {
    const { rows, columns, top } = this.data;
    const h = this.heights;
    const wanted = level * top;
    const crossing = (i, j, x0, y0, x1, y1) => {
      if (h[i] < wanted === h[j] < wanted) return null;
      const share = (wanted - h[i]) / (h[j] - h[i]);
      return [toX(x0 + share * (x1 - x0)), toY(y0 + share * (y1 - y0))];
    };
    for (let y = 0; y < rows - 1; y++) {
      for (let x = 0; x < columns - 1; x++) {
        const i = y * columns + x;
        const met = [
          crossing(i, i + 1, x, y, x + 1, y),
          crossing(i + 1, i + columns + 1, x + 1, y, x + 1, y + 1),
          crossing(i + columns, i + columns + 1, x, y + 1, x + 1, y + 1),
          crossing(i, i + columns, x, y, x, y + 1),
        ].filter(Boolean);
        for (let k = 0; k + 1 < met.length; k += 2) {
          pen.moveTo(...met[k]);
          pen.lineTo(...met[k + 1]);
        }
      }
    }
  }

  paint(pen, box, ratio) {
    const [width, height] = [box.right - box.left, box.bottom - box.top];
    const key = `${width} ${height} ${ratio}`;
    if (this.key !== key) {
      this.key = key;
      this.painted = Object.assign(document.createElement("canvas"), { width: width * ratio, height: height * ratio });
      const ground = this.painted.getContext("2d");
      ground.scale(ratio, ratio);
      const { rows, columns, levels } = this.data;
      // the outermost heights stand on the edges of the domain: half of their pixels lies outside
      ground.drawImage(this.image, 0.5, 0.5, columns - 1, rows - 1, 0, 0, width, height);
      ground.strokeStyle = "rgba(0, 0, 0, 0.5)";
      ground.lineWidth = 0.9;
      ground.beginPath();
      const toX = (x) => (x / (columns - 1)) * width;
      const toY = (y) => height - (y / (rows - 1)) * height;
      for (const level of levels) this.contour(ground, level, toX, toY);
      ground.stroke();
    }
    pen.drawImage(this.painted, box.left, box.top, width, height);
  }
}
