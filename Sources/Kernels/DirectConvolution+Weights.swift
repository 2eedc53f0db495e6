import CVector

/// gw (+)= sum over pixels of x times gy: rows of the weights, four neighbors of a window at a time, by columns of gy,
/// summed over a task's pixels in registers. Images fall into fixed blocks, each with a partial sum of its own.
func directWeightGradient(
  _ kernels: ConvolutionKernels, _ pass: TapPass, _ images: Int, _ gy: UnsafePointer<Float>,
  _ x: UnsafePointer<Float>, _ gw: UnsafeMutablePointer<Float>, _ gwRow: Int, _ accumulate: Bool,
  _ blocking: Blocking
) {
  if blocking.byPlanes(pass, pass.prefersPlanesBackward) {
    return planeWeightGradient(kernels, pass, images, gy, x, gw, gwRow, accumulate)
  }
  // So many pixels of 32 columns and of a quad's lines stay in the first-level cache; where the partial sums do not
  // stay in the second-level one, they are visited less often.
  let shape = TaskShape(
    images: images, height: pass.outputHeight, width: pass.outputWidth, pixels: pass.outputs > 128 ? 192 : 128
  )
  let layout = InputLayout(pass, rows: shape.rows, spread: true)
  let quads = RowQuads(pass, layout)
  let columns = ColumnBlocks(pass.outputs)
  // Neighbors' gradients would share few of the first-level cache's sets.
  let crowded = pass.yPixel % 64 == 0
  let size = 4 * quads.offsets.count * columns.paddedCount
  // As many partial sums as there is work to pay for adding them up; where they are few, each is shared out as well.
  let chunks = shape.imageBlocks * shape.rowBlocks
  let sums = max(1, min(16, chunks / 4, (1 << 21) / max(1, size)))
  let columnParts = min(columns.count, (8 + sums - 1) / sums)
  let tiles = (quads.offsets.count + 2) / 3
  let parts = columnParts * min(tiles, max(1, 8 / (sums * columnParts)))
  let rowParts = parts / columnParts
  let partials = Storage(byteCount: sums * size * 4)
  let partial = partials.pointer.assumingMemoryBound(to: Float.self)
  ThreadPool.shared.run(sums * parts) { task in
    let (sum, part) = task.quotientAndRemainder(dividingBy: parts)
    let (columnPart, rowPart) = part.quotientAndRemainder(dividingBy: rowParts)
    let blocks = (columns.count * columnPart / columnParts)..<(columns.count * (columnPart + 1) / columnParts)
    let firstQuad = 3 * (tiles * rowPart / rowParts)
    let quadCount = min(quads.offsets.count, 3 * (tiles * (rowPart + 1) / rowParts)) - firstQuad
    let copy = Storage(byteCount: layout.room(pass, shape.images) * 4)
    let firstChunk = chunks * sum / sums
    for chunk in firstChunk..<(chunks * (sum + 1) / sums) {
      let (imageBlock, rowBlock) = chunk.quotientAndRemainder(dividingBy: shape.rowBlocks)
      let firstImage = imageBlock * shape.images
      let imageCount = min(shape.images, images - firstImage)
      let firstRow = rowBlock * shape.rows
      let rowCount = min(shape.rows, pass.outputHeight - firstRow)
      let input = taskInput(pass, layout, x, firstImage, imageCount, firstRow, rowCount, copy)
      for block in blocks {
        let width = 16 * columns.vectors(block)
        let present = columns.high(block) - columns.low(block)
        var leaf = cv_weight_gradient(
          x: input,
          gradient: gy + firstImage * pass.yImage + firstRow * pass.yRow + pass.yFirst + columns.low(block),
          partial: partial + sum * size + 4 * (quads.offsets.count * columns.low(block) + firstQuad * width),
          offsets: nil, quads: Int64(quadCount), images: Int64(imageCount), rows: Int64(rowCount),
          width: Int64(pass.outputWidth), x_image: Int64(layout.image),
          x_row: Int64(pass.strideY * layout.row), x_pixel: Int64(pass.strideX * layout.pixel),
          g_image: Int64(pass.yImage), g_row: Int64(pass.yRow), g_pixel: Int64(pass.yPixel),
          vectors: Int32(columns.vectors(block)), accumulate: chunk > firstChunk ? 1 : 0)
        // The columns beyond would be read from beyond the last image.
        let last = firstImage + imageCount == images && firstRow + rowCount == pass.outputHeight
        quads.offsets.withUnsafeBufferPointer { offsets in
          leaf.offsets = offsets.baseAddress! + firstQuad
          if crowded || present < width && last {
            withCopiedGradient(leaf, present, width) { kernels.weightGradient($0) }
          } else {
            kernels.weightGradient(&leaf)
          }
        }
      }
    }
  }
  let rows = quads.rows
  parallelRanges(rows.count * pass.outputs, length: pass.outputs * 64) { low, high in
    for row in (low / pass.outputs)..<(high / pass.outputs) {
      for block in 0..<columns.count {
        let width = 16 * columns.vectors(block)
        let from = partial + 4 * quads.offsets.count * columns.low(block) + rows[row] * width
        let to = gw + row * gwRow + columns.low(block)
        for column in 0..<(columns.high(block) - columns.low(block)) {
          var total = accumulate ? to[column] : 0
          for sum in 0..<sums { total += from[sum * size + column] }
          to[column] = total
        }
      }
    }
  }
}

private func withCopiedGradient(
  _ leaf: cv_weight_gradient, _ present: Int, _ width: Int,
  _ body: (UnsafePointer<cv_weight_gradient>) -> Void
) {
  var leaf = leaf
  let (images, rows, pixels) = (Int(leaf.images), Int(leaf.rows), Int(leaf.width))
  let copy = Storage(byteCount: images * rows * pixels * width * 4)
  var to = copy.pointer.assumingMemoryBound(to: Float.self)
  for image in 0..<images {
    for row in 0..<rows {
      for pixel in 0..<pixels {
        let from =
          leaf.gradient! + image * Int(leaf.g_image) + row * Int(leaf.g_row) + pixel * Int(leaf.g_pixel)
        to.update(from: from, count: present)
        to += width
      }
    }
  }
  leaf.gradient = UnsafePointer(copy.pointer.assumingMemoryBound(to: Float.self))
  leaf.g_pixel = Int64(width)
  leaf.g_row = Int64(pixels * width)
  leaf.g_image = Int64(rows * pixels * width)
  body(&leaf)
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
}
