import CVector

/// Direct convolution: no patch matrix. Every output pixel is a sum over taps, (row, column) offsets into the
/// input, of channels times a block of up to two vectors of packed weight columns. The input gradient is the same sum with the roles
/// of channels and outputs exchanged, one pass for each residue of the position modulo the stride.
///
/// Bitwise the same for any number of threads: each output is summed by one task, in one order.
struct TapPass {
  struct Tap {
    /// Where it reads, relative to the stride times the output's place.
    let offset: Int
    /// Which row or column of the kernel.
    let kernel: Int
  }

  /// Those of one axis, with the least and the greatest offset, which every task asks for.
  struct Taps {
    let taps: [Tap]
    let first: Int, last: Int

    init(_ taps: [Tap]) {
      self.taps = taps
      first = taps.map(\.offset).min() ?? 0
      last = taps.map(\.offset).max() ?? 0
    }
  }

  /// Input images [height, width, pitch], of which `channels` from `firstChannel` are read.
  var height: Int, width: Int, pitch: Int
  var firstChannel: Int, channels: Int
  var strideY: Int, strideX: Int
  var rows: Taps, columns: Taps
  /// Output pixels, at yFirst + image yImage + row yRow + column yPixel.
  var outputHeight: Int, outputWidth: Int
  var yFirst: Int, yImage: Int, yRow: Int, yPixel: Int
  var outputs: Int

  var top: Int { rows.first }
  var left: Int { columns.first }
  func inputRows(_ count: Int) -> Int { (count - 1) * strideY + rows.last - top + 1 }
  var inputColumns: Int { (outputWidth - 1) * strideX + columns.last - left + 1 }
  /// Terms of one output.
  var depth: Int { rows.taps.count * columns.taps.count * channels }

  /// Whether every window lies inside the images, and a row of output has room for four pixels.
  var readsInside: Bool {
    channels == pitch && outputWidth >= 4 && top >= 0 && left >= 0
      && top + inputRows(outputHeight) <= height && left + inputColumns <= width
  }

  /// Numbers of a window's row that lie one after another in the images.
  var contiguous: Int {
    let adjoining = zip(columns.taps, columns.taps.dropFirst()).allSatisfy { $0.offset + 1 == $1.offset }
    return adjoining && channels == pitch ? columns.taps.count * channels : channels
  }

  /// Taps of each row of the kernel, if as many read the pixels that neighboring outputs read first.
  var neighbors: Int {
    let taps = columns.taps
    let count = taps.count
    let side = zip(taps, taps.dropFirst()).allSatisfy { $0.offset + strideX == $1.offset }
    return side && (count == 3 || count == 5) ? count : 1
  }

  /// Offsets of runs of `run` contiguous numbers within a window.
  func segments(_ layout: InputLayout) -> (offsets: [Int64], run: Int) {
    let adjoining =
      layout.pixel == channels
      && zip(columns.taps, columns.taps.dropFirst()).allSatisfy { $0.offset + 1 == $1.offset }
    let starts = adjoining ? Array(columns.taps.prefix(1)) : columns.taps
    let offsets = rows.taps.flatMap { row in
      starts.map { Int64((row.offset - top) * layout.row + ($0.offset - left) * layout.pixel) }
    }
    return (offsets, adjoining ? columns.taps.count * channels : channels)
  }
}

/// How a task sees its input: the images themselves, or a padded copy of what it needs.
struct InputLayout {
  let inside: Bool
  let pixel: Int, row: Int, image: Int

  /// `lanes`: numbers of the widest vector. `spread`: keeps the same channels of neighboring pixels out of the same cache sets.
  /// `bare`: whoever reads knows what lies outside the images.
  init(_ pass: TapPass, rows: Int, lanes: Int, spread: Bool = false, bare: Bool = false) {
    let crowded = spread && !bare && pass.channels % (4 * lanes) == 0
    // Groups of four numbers would reach beyond the last image.
    let short = spread && pass.contiguous < 4
    inside = bare || pass.readsInside && !crowded && !short
    pixel = inside ? pass.pitch : pass.channels + (crowded ? lanes : 0)
    row = (inside ? pass.width : pass.inputColumns) * pixel
    image = inside ? pass.height * row : pass.inputRows(rows) * row
  }

  /// Numbers that the copy takes for `images` images; a group of four pixels or rows may reach beyond the last.
  func room(_ pass: TapPass, _ images: Int) -> Int {
    inside ? 0 : images * image + (3 * pass.strideX + pass.columns.taps.count) * pixel + 16
  }
}

/// Images and output rows of one task: large enough to reuse the weights, small enough for the cache and to share.
struct TaskShape {
  let images: Int, rows: Int
  let imageBlocks: Int, rowBlocks: Int

  init(images: Int, height: Int, width: Int, pixels: Int) {
    let positions = max(1, height * width)
    self.images = max(1, min(images, pixels / positions))
    rows = self.images > 1 ? height : max(1, min(height, (pixels + width - 1) / max(1, width)))
    imageBlocks = (images + self.images - 1) / self.images
    rowBlocks = (height + rows - 1) / rows
  }
}

/// y (+)= the passes over x, which write each their own part of it. `pack` writes weight columns [low, high) of a pass as
/// [depth][width].
@specialized(where T == Float)
@specialized(where T == Double)
func runTaps<T: Scalar>(
  _ kernels: ConvolutionKernels, _ passes: [TapPass], _ images: Int, _ x: UnsafePointer<T>,
  _ y: UnsafeMutablePointer<T>, _ accumulate: Bool, _ forced: PassVectors?,
  pack: (_ pass: TapPass, _ low: Int, _ high: Int, _ width: Int, _ to: UnsafeMutablePointer<T>) -> Void
) {
  var byOutputs: [TapPass] = []
  for pass in passes {
    switch pass.vectors(kernels, images, forced: forced) {
    case .images:
      runImages(kernels.lanes!, pass, images, x, y, accumulate) { pack(pass, $0, $1, $2, $3) }
    case .planes: runPlanes(kernels, pass, images, x, y, accumulate) { pack(pass, $0, $1, $2, $3) }
    case .outputs: byOutputs.append(pass)
    }
  }
  guard let height = byOutputs.map(\.outputHeight).max(), let width = byOutputs.map(\.outputWidth).max()
  else {
    return
  }
  // A task takes all passes: they read the same input and write neighboring lines.
  let shape = TaskShape(
    images: images, height: height, width: width, pixels: max(24, min(256, images * height * width / 16)))
  let packed = byOutputs.compactMap { PackedPass<T>(kernels, $0, shape, pack) }
  if packed.count < byOutputs.count { return }
  ThreadPool.shared.run(shape.imageBlocks * shape.rowBlocks) { task in
    for (i, pass) in packed.enumerated() {
      pass.run(kernels, shape, task, images, x, y, accumulate, looksAhead: i == 0)
    }
  }
}

/// A pass by vectors along outputs, with its weights.
private struct PackedPass<T: Scalar> {
  private let pass: TapPass
  private let blocks: ColumnBlocks
  private let packed: Storage
  private let layout: InputLayout
  private let neighbors: Int, run: Int
  private let offsets: [Int64]

  init?(
    _ kernels: ConvolutionKernels, _ pass: TapPass, _ shape: TaskShape,
    _ pack: (TapPass, _ low: Int, _ high: Int, _ width: Int, _ to: UnsafeMutablePointer<T>) -> Void
  ) {
    self.pass = pass
    let blocks = ColumnBlocks(pass.outputs, lanes: kernels.width)
    self.blocks = blocks
    guard let packed = Storage.room(blocks.paddedCount * pass.depth * MemoryLayout<T>.size) else {
      return nil
    }
    self.packed = packed
    let weights = packed.pointer.assumingMemoryBound(to: T.self)
    ThreadPool.shared.run(blocks.count) { block in
      pack(
        pass, blocks.low(block), blocks.high(block), kernels.width * blocks.vectors(block),
        weights + blocks.low(block) * pass.depth)
    }
    let layout = InputLayout(pass, rows: shape.rows, lanes: kernels.width)
    self.layout = layout
    neighbors = pass.tapsTogether(kernels)
    (offsets, run) =
      neighbors > 1
      ? (pass.rows.taps.map { Int64(($0.offset - pass.top) * layout.row) }, pass.channels)
      : pass.segments(layout)
  }

  func run(
    _ kernels: ConvolutionKernels, _ shape: TaskShape, _ task: Int, _ images: Int, _ x: UnsafePointer<T>,
    _ y: UnsafeMutablePointer<T>, _ accumulate: Bool, looksAhead: Bool
  ) {
    let weights = packed.pointer.assumingMemoryBound(to: T.self)
    let groupsInRow = (pass.outputWidth + 3) / 4
    let (imageBlock, rowBlock) = task.quotientAndRemainder(dividingBy: shape.rowBlocks)
    let firstImage = imageBlock * shape.images
    let imageCount = min(shape.images, images - firstImage)
    let firstRow = rowBlock * shape.rows
    let rowCount = min(shape.rows, pass.outputHeight - firstRow)
    let count = imageCount * rowCount * groupsInRow
    guard count > 0 else { return }
    guard let copy = Storage.room(layout.room(pass, imageCount) * MemoryLayout<T>.size) else { return }
    let input = taskInput(pass, layout, x, firstImage, imageCount, firstRow, rowCount, copy)
    let ahead = looksAhead ? pass.inputAhead(x, images, shape, task) : (pointer: nil, count: 0)
    withUnsafeTemporaryAllocation(of: cv_pixels.self, capacity: count) { groups in
      var at = 0
      for image in 0..<imageCount {
        for row in 0..<rowCount {
          for group in 0..<groupsInRow {
            let start = min(4 * group, max(0, pass.outputWidth - 4))
            groups[at] = cv_pixels(
              x: Int64(
                image * layout.image + row * pass.strideY * layout.row + start * pass.strideX * layout.pixel),
              y: Int64(
                (firstImage + image) * pass.yImage + (firstRow + row) * pass.yRow + start * pass.yPixel),
              first: Int32(4 * group - start), last: Int32(min(4, pass.outputWidth - start)))
            at += 1
          }
        }
      }
      offsets.withUnsafeBufferPointer { offsets in
        for block in 0..<blocks.count {
          var leaf = cv_convolution(
            x: input, weights: weights + blocks.low(block) * pass.depth,
            y: y + pass.yFirst + blocks.low(block), ahead: block == 0 ? ahead.pointer : nil,
            offsets: offsets.baseAddress, segments: Int64(offsets.count), run: Int64(run),
            x_pixel: Int64(pass.strideX * layout.pixel), y_pixel: Int64(pass.yPixel),
            columns: Int64(blocks.high(block) - blocks.low(block)), vectors: Int32(blocks.vectors(block)),
            neighbors: Int32(neighbors),
            ahead_step: Int32((ahead.count / count / kernels.width + 1) * kernels.width),
            accumulate: accumulate ? 1 : 0)
          kernels.pixels(&leaf, UnsafePointer(groups.baseAddress!), count)
        }
      }
    }
  }
}

extension TapPass {
  /// The input that the next task of this thread begins with, as far as it lies behind this one's.
  func inputAhead<T>(
    _ x: UnsafePointer<T>, _ images: Int, _ shape: TaskShape, _ task: Int
  ) -> (pointer: UnsafePointer<T>?, count: Int) {
    let (imageBlock, rowBlock) = (task + ThreadPool.shared.threads).quotientAndRemainder(
      dividingBy: shape.rowBlocks)
    let image = imageBlock * shape.images
    guard image < images else { return (nil, 0) }
    let row = max(0, rowBlock * shape.rows * strideY + top)
    let rows =
      shape.images > 1 ? min(shape.images, images - image) * height : min(inputRows(shape.rows), height - row)
    return (x + (image * height + row) * width * pitch, max(0, rows) * width * pitch)
  }
}

/// Columns in blocks of two vectors, a last one that a single vector holds being one.
struct ColumnBlocks {
  let columns: Int
  let lanes: Int

  init(_ columns: Int, lanes: Int) {
    self.columns = columns
    self.lanes = lanes
  }

  var count: Int { (columns + 2 * lanes - 1) / (2 * lanes) }
  var paddedCount: Int { count == 0 ? 0 : low(count - 1) + lanes * vectors(count - 1) }
  func low(_ block: Int) -> Int { 2 * lanes * block }
  func high(_ block: Int) -> Int { min(columns, 2 * lanes * (block + 1)) }
  func vectors(_ block: Int) -> Int { high(block) - low(block) > lanes ? 2 : 1 }
}

/// Where the first window of a task starts, after copying and padding what it reads if need be.
@specialized(where T == Float)
@specialized(where T == Double)
func taskInput<T: Scalar>(
  _ pass: TapPass, _ layout: InputLayout, _ x: UnsafePointer<T>, _ firstImage: Int, _ images: Int,
  _ firstRow: Int, _ rows: Int, _ copy: Storage
) -> UnsafePointer<T> {
  let top = firstRow * pass.strideY + pass.top
  let source = x + firstImage * pass.height * pass.width * pass.pitch + pass.firstChannel
  if layout.inside { return source + (top * pass.width + pass.left) * pass.pitch }
  let target = copy.pointer.assumingMemoryBound(to: T.self)
  let (channels, columns) = (pass.channels, pass.inputColumns)
  // Columns of the copy that lie inside the image.
  let low = min(columns, max(0, -pass.left))
  let high = max(low, min(columns, pass.width - pass.left))
  for image in 0..<images {
    for row in 0..<pass.inputRows(rows) {
      let to = target + (image * layout.image + row * layout.row)
      let y = top + row
      if y < 0 || y >= pass.height || low == high {
        to.update(repeating: 0, count: layout.row)
        continue
      }
      to.update(repeating: 0, count: low * layout.pixel)
      let from = source + ((image * pass.height + y) * pass.width + pass.left + low) * pass.pitch
      if layout.pixel == pass.pitch {
        (to + low * channels).update(from: from, count: (high - low) * channels)
      } else {
        for column in 0..<(high - low) {
          (to + (low + column) * layout.pixel).update(from: from + column * pass.pitch, count: channels)
        }
      }
      (to + high * layout.pixel).update(repeating: 0, count: (columns - high) * layout.pixel)
    }
  }
  return UnsafePointer(target)
}
