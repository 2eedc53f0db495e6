import CVector

/// Convolution with a lane for each image: where batches are large and channels or outputs do not fill vectors, as many
/// images as a vector has lanes, side by side, do. A task brings what it needs of them into rows [pixel][channel][image], with room for the columns
/// that windows reach beyond the image, and takes its outputs back.
struct ImageLayout {
  /// Output rows of a task and tasks of an image.
  let rows: Int, rowBlocks: Int
  /// Numbers of a row of input and of output.
  let inputRow: Int, outputRow: Int

  init(_ pass: TapPass, lanes: Int) {
    inputRow = lanes * pass.inputColumns * pass.channels
    outputRow = lanes * pass.outputWidth * pass.outputs
    // So many rows of both stay in a part of the second-level cache.
    let most = max(1, min(pass.outputHeight, (1 << 12) * lanes / (inputRow * pass.strideY + outputRow)))
    rowBlocks = (pass.outputHeight + most - 1) / most
    rows = (pass.outputHeight + rowBlocks - 1) / rowBlocks
  }
}

/// y (+)= the pass over x. `pack` writes weight columns [low, high) as [depth][width].
@specialized(where T == Float)
@specialized(where T == Double)
func runImages<T: Scalar>(
  _ lanes: ConvolutionKernels.Lanes, _ pass: TapPass, _ images: Int, _ x: UnsafePointer<T>,
  _ y: UnsafeMutablePointer<T>, _ accumulate: Bool,
  pack: (_ low: Int, _ high: Int, _ width: Int, _ to: UnsafeMutablePointer<T>) -> Void
) {
  let width = T.Vector.width
  let layout = ImageLayout(pass, lanes: width)
  let outputs = pass.outputs
  let groups = (outputs + lanes.tallest - 1) / lanes.tallest
  guard let packed = Storage.room(pass.depth * outputs * MemoryLayout<T>.size) else { return }
  let weights = packed.pointer.assumingMemoryBound(to: T.self)
  for group in 0..<groups {
    let (low, high) = (outputs * group / groups, outputs * (group + 1) / groups)
    pack(low, high, high - low, weights + pass.depth * low)
  }
  let columns = pass.columns.taps.map { Int64($0.offset) }
  let taps = pass.rows.taps
  ThreadPool.shared.run((images + width - 1) / width * layout.rowBlocks) { task in
    let (imageBlock, rowBlock) = task.quotientAndRemainder(dividingBy: layout.rowBlocks)
    let firstImage = width * imageBlock
    let imageCount = min(width, images - firstImage)
    let firstRow = rowBlock * layout.rows
    let rows = min(layout.rows, pass.outputHeight - firstRow)
    guard rows > 0 else { return }
    // Rows of the image from `top` on.
    let top = max(0, firstRow * pass.strideY + pass.top)
    let inputRows = max(
      0, min(pass.height, (firstRow + rows - 1) * pass.strideY + pass.rows.last + 1) - top)
    guard let room = Storage.room((inputRows * layout.inputRow + layout.outputRow) * MemoryLayout<T>.size)
    else { return }
    let input = room.pointer.assumingMemoryBound(to: T.self)
    let output = input + inputRows * layout.inputRow
    pass.fillLanes(lanes, x, firstImage, imageCount, top, inputRows, layout.inputRow, input)
    columns.withUnsafeBufferPointer { columns in
      withUnsafeTemporaryAllocation(of: Int64.self, capacity: taps.count) { offsets in
        for row in 0..<rows {
          let place = (firstRow + row) * pass.strideY
          let first = taps.firstIndex { place + $0.offset >= 0 } ?? taps.count
          let end = taps.lastIndex { place + $0.offset < pass.height }.map { $0 + 1 } ?? 0
          for tap in first..<max(first, end) {
            offsets[tap - first] = Int64((place + taps[tap].offset - top) * layout.inputRow)
          }
          var leaf = cv_lanes(
            x: input, weights: weights, y: output, offsets: offsets.baseAddress,
            columns: columns.baseAddress, rows: Int64(max(0, end - first)), taps: Int64(columns.count),
            run: Int64(pass.channels), skipped: Int64(first), depth: Int64(pass.depth),
            outputs: Int64(outputs), groups: Int64(groups),
            pixels: Int64(pass.outputWidth), width: Int64(pass.width), stride: Int64(pass.strideX),
            left: Int64(-pass.left), x_pixel: Int64(width * pass.strideX * pass.channels))
          lanes.convolve(&leaf)
          lanes.drain(
            output, pass.outputWidth * outputs,
            y + (pass.yFirst + firstImage * pass.yImage + (firstRow + row) * pass.yRow), pass.yImage,
            imageCount, accumulate)
        }
      }
    }
  }
}

extension TapPass {
  /// Rows from `top` on, each with zeros where windows reach beyond it.
  func fillLanes<T: Scalar>(
    _ lanes: ConvolutionKernels.Lanes, _ x: UnsafePointer<T>, _ firstImage: Int, _ images: Int,
    _ top: Int, _ rows: Int, _ inputRow: Int, _ target: UnsafeMutablePointer<T>
  ) {
    let image = height * width * pitch
    let size = T.Vector.width * channels
    let low = min(inputColumns, max(0, -left))
    let high = max(low, min(inputColumns, width - left))
    for row in 0..<rows {
      let to = target + row * inputRow
      to.update(repeating: 0, count: low * size)
      (to + high * size).update(repeating: 0, count: (inputColumns - high) * size)
      if low < high {
        let from = x + (firstImage * image + ((top + row) * width + left + low) * pitch)
        lanes.fill(from, image, images, (high - low) * channels, to + low * size)
      }
    }
  }
}
