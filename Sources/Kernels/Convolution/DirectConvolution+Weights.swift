import CVector

/// gw (+)= sum over pixels of x times gy: rows of the weights, four neighbors of a window at a time, by columns of gy,
/// summed over a task's pixels in registers. Images fall into fixed blocks, each with a partial sum of its own.
@specialized(where T == Float)
@specialized(where T == Double)
func directWeightGradient<T: Scalar>(
  _ kernels: ConvolutionKernels, _ pass: TapPass, _ images: Int, _ gy: UnsafePointer<T>,
  _ x: UnsafePointer<T>, _ gw: UnsafeMutablePointer<T>, _ gwRow: Int, _ accumulate: Bool,
  _ forced: PassVectors?
) {
  if pass.gradientVectors(forced: forced) == .planes {
    return planeWeightGradient(kernels, pass, images, gy, x, gw, gwRow, accumulate)
  }
  let lanes = kernels.width
  // So many pixels of two vectors of columns and of a quad's lines stay in the first-level cache; where the partial sums do not
  // stay in the second-level one, they are visited less often.
  let shape = TaskShape(
    images: images, height: pass.outputHeight, width: pass.outputWidth,
    pixels: pass.outputs > 8 * lanes ? 192 : 128
  )
  let neighbors = pass.gradientTakesNeighbors(kernels)
  let layout = InputLayout(pass, rows: shape.rows, lanes: lanes, spread: true, bare: neighbors)
  let quads = neighbors ? RowQuads(neighbors: pass, layout) : RowQuads(pass, layout)
  let columns = ColumnBlocks(pass.outputs, lanes: lanes)
  // Neighbors' gradients would share few of the first-level cache's sets.
  let crowded = pass.yPixel % (4 * lanes) == 0
  let size = 4 * quads.offsets.count * columns.paddedCount
  // As many partial sums as there is work to pay for adding them up; where they are few, each is shared out as well.
  let chunks = shape.imageBlocks * shape.rowBlocks
  let sums = max(1, min(16, chunks / 4, (1 << 23) / MemoryLayout<T>.size / max(1, size)))
  let columnParts = min(columns.count, (8 + sums - 1) / sums)
  let tiles = (quads.offsets.count + 2) / 3
  let parts = columnParts * min(tiles, max(1, 8 / (sums * columnParts)))
  let rowParts = parts / columnParts
  guard let zeros = Storage.room(zeroed: 2 * lanes * MemoryLayout<T>.size),
    let partials = Storage.room(sums * size * MemoryLayout<T>.size)
  else { return }
  let partial = partials.pointer.assumingMemoryBound(to: T.self)
  ThreadPool.shared.run(sums * parts) { task in
    let (sum, part) = task.quotientAndRemainder(dividingBy: parts)
    let (columnPart, rowPart) = part.quotientAndRemainder(dividingBy: rowParts)
    let blocks = (columns.count * columnPart / columnParts)..<(columns.count * (columnPart + 1) / columnParts)
    let firstQuad = 3 * (tiles * rowPart / rowParts)
    let quadCount = min(quads.offsets.count, 3 * (tiles * (rowPart + 1) / rowParts)) - firstQuad
    guard let copy = Storage.room(layout.room(pass, shape.images) * MemoryLayout<T>.size) else { return }
    let firstChunk = chunks * sum / sums
    for chunk in firstChunk..<(chunks * (sum + 1) / sums) {
      let (imageBlock, rowBlock) = chunk.quotientAndRemainder(dividingBy: shape.rowBlocks)
      let firstImage = imageBlock * shape.images
      let imageCount = min(shape.images, images - firstImage)
      let firstRow = rowBlock * shape.rows
      let rowCount = min(shape.rows, pass.outputHeight - firstRow)
      let input = taskInput(pass, layout, x, firstImage, imageCount, firstRow, rowCount, copy)
      for block in blocks {
        let width = lanes * columns.vectors(block)
        let present = columns.high(block) - columns.low(block)
        var leaf = cv_weight_gradient(
          x: input,
          gradient: gy + firstImage * pass.yImage + firstRow * pass.yRow + pass.yFirst + columns.low(block),
          partial: partial + sum * size + 4 * (quads.offsets.count * columns.low(block) + firstQuad * width),
          x_ahead: nil, g_ahead: nil, zeros: zeros.pointer.assumingMemoryBound(to: T.self), offsets: nil,
          quads: Int64(quadCount), images: Int64(imageCount), rows: Int64(rowCount),
          width: Int64(pass.outputWidth), x_image: Int64(layout.image),
          x_row: Int64(pass.strideY * layout.row), x_pixel: Int64(pass.strideX * layout.pixel),
          g_image: Int64(pass.yImage), g_row: Int64(pass.yRow), g_pixel: Int64(pass.yPixel),
          first: Int64(max(0, -pass.left)), last: Int64(min(pass.inputColumns, pass.width - pass.left)),
          x_ahead_step: 0, g_ahead_step: 0,
          vectors: Int32(columns.vectors(block)), neighbors: neighbors ? 3 : 1,
          accumulate: chunk > firstChunk ? 1 : 0)
        if neighbors && block == blocks.lowerBound && chunk + 1 < chunks * (sum + 1) / sums {
          // The next chunk lies behind this one.
          let tiles = quadCount / 3 * imageCount * rowCount
          let lines = { (numbers: Int) in Int64((numbers / tiles / lanes + 1) * lanes) }
          leaf.x_ahead = UnsafeRawPointer(input + (imageCount * rowCount) * pass.width * pass.pitch)
          leaf.g_ahead = leaf.gradient + imageCount * rowCount * pass.yRow * MemoryLayout<T>.size
          leaf.x_ahead_step = lines(imageCount * rowCount * pass.width * pass.pitch)
          leaf.g_ahead_step = lines(imageCount * rowCount * pass.yRow)
        }
        // The columns beyond would be read from beyond the last image.
        let last = firstImage + imageCount == images && firstRow + rowCount == pass.outputHeight
        quads.offsets.withUnsafeBufferPointer { offsets in
          leaf.offsets = offsets.baseAddress! + firstQuad
          let add = { (leaf: cv_weight_gradient) in
            if neighbors {
              quads.forEachTapRow(T.self, pass, leaf, firstQuad, firstRow) { kernels.weightGradient($0) }
            } else {
              withUnsafePointer(to: leaf) { kernels.weightGradient($0) }
            }
          }
          if crowded || present < width && last {
            withCopiedGradient(T.self, leaf, present, width, add)
          } else {
            add(leaf)
          }
        }
      }
    }
  }
  let rows = quads.rows
  parallelRanges(rows.count * pass.outputs, length: pass.outputs * 64) { low, high in
    for row in (low / pass.outputs)..<(high / pass.outputs) {
      for block in 0..<columns.count {
        let width = lanes * columns.vectors(block)
        let from = partial + 4 * quads.offsets.count * columns.low(block) + rows[row] * width
        let to = gw + row * gwRow + columns.low(block)
        let present = columns.high(block) - columns.low(block)
        for column in stride(from: 0, to: present, by: lanes) {
          let count = min(lanes, present - column)
          var total = accumulate ? T.Vector.load(to + column, count: count) : T.Vector(0)
          for sum in 0..<sums { total = total + T.Vector.load(from + sum * size + column) }
          total.store(to + column, count: count)
        }
      }
    }
  }
}

@inline(__always)
private func withCopiedGradient<T: Scalar>(
  _: T.Type, _ leaf: cv_weight_gradient, _ present: Int, _ width: Int,
  _ body: (cv_weight_gradient) -> Void
) {
  var leaf = leaf
  let (images, rows, pixels) = (Int(leaf.images), Int(leaf.rows), Int(leaf.width))
  guard let copy = Storage.room(images * rows * pixels * width * MemoryLayout<T>.size) else { return }
  var to = copy.pointer.assumingMemoryBound(to: T.self)
  for image in 0..<images {
    for row in 0..<rows {
      for pixel in 0..<pixels {
        let place = image * Int(leaf.g_image) + row * Int(leaf.g_row) + pixel * Int(leaf.g_pixel)
        to.update(from: leaf.gradient!.assumingMemoryBound(to: T.self) + place, count: present)
        to += width
      }
    }
  }
  leaf.gradient = UnsafeRawPointer(copy.pointer)
  leaf.g_pixel = Int64(width)
  leaf.g_row = Int64(pixels * width)
  leaf.g_image = Int64(rows * pixels * width)
  body(leaf)
}

/// The rows of the weights in groups of four neighbors within a segment; the last of a segment overlaps its forerunner.
private struct RowQuads {
  var offsets: [Int64] = []
  /// For each row of the weights its place among the groups' rows.
  var rows: [Int] = []

  init(_ pass: TapPass, _ layout: InputLayout) {
    let (segments, run) = pass.segments(layout)
    for segment in segments {
      for low in stride(from: 0, to: run, by: 4) {
        let start = layout.inside ? min(low, max(0, run - 4)) : low
        for row in low..<min(run, low + 4) { rows.append(4 * offsets.count + row - start) }
        offsets.append(segment + Int64(start))
      }
    }
  }

  /// Three neighboring taps of four channels together.
  init(neighbors pass: TapPass, _ layout: InputLayout) {
    let channels = pass.channels
    rows = Array(repeating: 0, count: pass.depth)
    for (y, tap) in pass.rows.taps.enumerated() {
      for low in stride(from: 0, to: channels, by: 4) {
        let start = min(low, channels - 4)
        for x in 0..<3 {
          for channel in low..<min(channels, low + 4) {
            rows[(3 * y + x) * channels + channel] = 4 * offsets.count + channel - start
          }
          offsets.append(Int64((tap.offset - pass.top) * layout.row + start))
        }
      }
    }
  }

  /// The part of a leaf that belongs to each row of the kernel, over the rows of output whose windows' row there is.
  func forEachTapRow<T: Scalar>(
    _: T.Type, _ pass: TapPass, _ all: cv_weight_gradient, _ firstQuad: Int, _ firstRow: Int,
    _ body: (UnsafePointer<cv_weight_gradient>) -> Void
  ) {
    let size = MemoryLayout<T>.size
    let perRow = offsets.count / pass.rows.taps.count
    for (y, tap) in pass.rows.taps.enumerated() {
      let low = max(firstQuad, y * perRow)
      let high = min(firstQuad + Int(all.quads), (y + 1) * perRow)
      guard low < high else { continue }
      let above = max(0, -(firstRow + tap.offset))
      let present = max(0, min(Int(all.rows), pass.height - firstRow - tap.offset) - above)
      var leaf = all
      leaf.offsets += low - firstQuad
      leaf.partial += 4 * (low - firstQuad) * T.Vector.width * Int(all.vectors) * size
      leaf.quads = Int64(high - low)
      leaf.rows = Int64(present)
      let before = (low - firstQuad) / 3 * Int(all.images * all.rows)
      if leaf.x_ahead != nil {
        leaf.x_ahead += before * Int(all.x_ahead_step) * size
        leaf.g_ahead += before * Int(all.g_ahead_step) * size
      }
      leaf.x += above * Int(all.x_row) * size
      leaf.gradient += above * Int(all.g_row) * size
      body(&leaf)
    }
  }
}
