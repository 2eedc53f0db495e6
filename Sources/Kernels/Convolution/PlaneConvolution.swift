import CVector

/// Convolution by planes: where channels are few, direct convolution leaves lanes idle, so here vectors lie along the
/// pixels of a channel. A task turns what it needs of the input into planes, one for each channel. Strides are 1.
struct PlaneLayout {
  /// Output rows of a task and tasks of an image.
  let rows: Int, rowBlocks: Int
  /// A plane for each column of the kernel, too, whose rows are as long as the output's: vectors run over the ends of
  /// rows, so that all lanes are used. Else vectors start with a row.
  let shifted: Bool
  /// Padded planes of the channels, as long as the input's rows.
  private let paddedRow: Int, paddedPlane: Int
  /// From one plane of shifted columns to the next.
  private let plane: Int
  private let columns: [Int64]
  /// Where each tap of each channel reads, relative to the output's position.
  let offsets: [Int64]

  /// About `positions` positions a task. Each plane ends in room for what vectors read or write beyond it.
  init(_ pass: TapPass, positions: Int, shifted: Bool) {
    let most = max(1, min(pass.outputHeight, positions / pass.outputWidth))
    rowBlocks = (pass.outputHeight + most - 1) / most
    rows = (pass.outputHeight + rowBlocks - 1) / rowBlocks
    self.shifted = shifted
    paddedRow = pass.inputColumns
    paddedPlane = pass.inputRows(rows) * paddedRow + 64
    plane = shifted ? pass.inputRows(rows) * pass.outputWidth + 64 : 0
    columns = pass.columns.taps.map { Int64($0.offset - pass.left) }
    var offsets: [Int64] = []
    offsets.reserveCapacity(pass.depth + 3)
    for y in pass.rows.taps {
      for (i, column) in columns.enumerated() {
        for channel in 0..<pass.channels {
          let row = y.offset - pass.top
          offsets.append(
            shifted
              ? Int64((channel * columns.count + i) * plane + row * pass.outputWidth)
              : Int64(channel * paddedPlane + row * paddedRow) + column)
        }
      }
    }
    self.offsets = offsets
  }

  /// Numbers that `fill` takes.
  func room(_ pass: TapPass) -> Int { pass.channels * (paddedPlane + columns.count * plane) }

  /// Brings the input of `rows` output rows from `firstRow` on into planes.
  func fill<T: Scalar>(
    _ kernels: ConvolutionKernels, _ pass: TapPass, _ images: Int, _ x: UnsafePointer<T>, _ image: Int,
    _ firstRow: Int, _ rows: Int, _ planes: UnsafeMutablePointer<T>
  ) {
    let padded = planes + pass.channels * columns.count * plane
    let low = min(paddedRow, max(0, -pass.left))
    let high = max(low, min(paddedRow, pass.width - pass.left))
    let start = firstRow + pass.top
    let above = max(0, -start)
    let inputRows = pass.inputRows(rows)
    let present = low < high ? max(0, min(pass.height - start, inputRows) - above) : 0
    let from =
      present > 0
      ? ((image * pass.height + start + above) * pass.width + pass.left + low) * pass.pitch
        + pass.firstChannel : 0
    var pixels = cv_plane_rows(
      source: x + from, target: padded, rows: Int64(present), width: Int64(high - low),
      channels: Int64(pass.channels), source_row: Int64(pass.width * pass.pitch),
      source_pixel: Int64(pass.pitch), readable: Int64(images * pass.height * pass.width * pass.pitch - from),
      first: Int64(above * paddedRow + low), row: Int64(paddedRow), plane: Int64(paddedPlane),
      size: Int64(paddedPlane - T.Vector.width))
    kernels.fillPlanes(&pixels)
    guard shifted else { return }
    columns.withUnsafeBufferPointer { columns in
      var shifts = cv_plane_shifts(
        source: padded, target: planes, columns: columns.baseAddress, count: Int64(columns.count),
        planes: Int64(pass.channels), rows: Int64(inputRows), width: Int64(pass.outputWidth),
        source_row: Int64(paddedRow), source_plane: Int64(paddedPlane), target_plane: Int64(plane))
      kernels.shiftPlanes(&shifts)
    }
  }

  /// The tiles of each task of an image.
  func tiles(_ pass: TapPass, _ kernels: ConvolutionKernels) -> [[cv_plane_tile]] {
    (0..<rowBlocks).map { block in
      tiles(pass, block * rows, min(rows, pass.outputHeight - block * rows), kernels)
    }
  }

  /// The output rows from `firstRow` on in runs of as many pixels as the widest vector holds; as many of them a tile as two
  /// vectors take.
  private func tiles(
    _ pass: TapPass, _ firstRow: Int, _ rows: Int, _ kernels: ConvolutionKernels
  ) -> [cv_plane_tile] {
    let (width, lanes) = (pass.outputWidth, kernels.width)
    let together = 2 * kernels.planeLanes / lanes
    var tiles: [cv_plane_tile] = []
    tiles.reserveCapacity(rows * divideUp(width, lanes))
    var (at, isFirst, low) = (0, true, firstRow)
    while at < rows * width {
      let (row, column) = at.quotientAndRemainder(dividingBy: width)
      let x = shifted ? at : row * paddedRow + column
      let count = min(lanes, shifted ? rows * width - at : width - column)
      if isFirst {
        low = firstRow + row
        tiles.append(
          cv_plane_tile(
            x: Int64(x), second: Int64(lanes / 2), first_tap: 0, taps: 0, at: Int32(at), count: Int32(count),
            second_at: 0,
            second_count: 0))
      } else {
        tiles[tiles.count - 1].second = Int64(x) - tiles[tiles.count - 1].x
        (tiles[tiles.count - 1].second_at, tiles[tiles.count - 1].second_count) = (Int32(at), Int32(count))
      }
      let taps = tapsInside(pass, low, firstRow + (at + count - 1) / width)
      (tiles[tiles.count - 1].first_tap, tiles[tiles.count - 1].taps) = (taps.first, taps.count)
      isFirst = together == 1 || !isFirst
      at += count
    }
    return tiles
  }

  /// Those that read a row of the image for some output row from `low` to `high`.
  private func tapsInside(_ pass: TapPass, _ low: Int, _ high: Int) -> (first: Int32, count: Int32) {
    var (first, last) = (0, -1)
    for (i, tap) in pass.rows.taps.enumerated() where high + tap.offset >= 0 && low + tap.offset < pass.height
    {
      if last < 0 { first = i }
      last = i
    }
    let tapsInRow = columns.count * pass.channels
    return (Int32(first * tapsInRow), Int32((last + 1 - first) * tapsInRow * (last < 0 ? 0 : 1)))
  }
}

/// y (+)= the pass over x. `pack` writes weight columns [low, high) as [depth][width].
@specialized(where T == Float)
@specialized(where T == Double)
func runPlanes<T: Scalar>(
  _ kernels: ConvolutionKernels, _ pass: TapPass, _ images: Int, _ x: UnsafePointer<T>,
  _ y: UnsafeMutablePointer<T>, _ accumulate: Bool,
  pack: (_ low: Int, _ high: Int, _ width: Int, _ to: UnsafeMutablePointer<T>) -> Void
) {
  let (outputs, lanes) = (pass.outputs, kernels.width)
  let total = images * pass.outputHeight * pass.outputWidth
  let most = max(256, min(4096, (1 << 12) * lanes / pass.channels, total / 16))
  let idle = divideUp(pass.outputWidth, lanes) * lanes - pass.outputWidth
  let layout = PlaneLayout(pass, positions: most, shifted: 8 * idle > pass.outputWidth + idle)
  let tiles = layout.tiles(pass, kernels)
  let imagesInTask = max(1, most / (pass.outputHeight * pass.outputWidth))
  let imageBlocks = (images + imagesInTask - 1) / imagesInTask
  let groups = (outputs + kernels.tallestPlanes - 1) / kernels.tallestPlanes
  guard let packed = Storage.room(pass.depth * outputs * MemoryLayout<T>.size) else { return }
  let weights = packed.pointer.assumingMemoryBound(to: T.self)
  for group in 0..<groups {
    let (low, high) = (outputs * group / groups, outputs * (group + 1) / groups)
    pack(low, high, high - low, weights + pass.depth * low)
  }
  ThreadPool.shared.run(imageBlocks * layout.rowBlocks) { task in
    let (imageBlock, rowBlock) = task.quotientAndRemainder(dividingBy: layout.rowBlocks)
    let firstRow = rowBlock * layout.rows
    let rows = min(layout.rows, pass.outputHeight - firstRow)
    guard let room = Storage.room((layout.room(pass) + (4 * outputs + 1) * lanes) * MemoryLayout<T>.size)
    else { return }
    let planes = room.pointer.assumingMemoryBound(to: T.self)
    let sums = planes + layout.room(pass)
    layout.offsets.withUnsafeBufferPointer { offsets in
      for image in (imageBlock * imagesInTask)..<min(images, (imageBlock + 1) * imagesInTask) {
        layout.fill(kernels, pass, images, x, image, firstRow, rows, planes)
        var leaf = cv_planes(
          x: planes, weights: weights, offsets: offsets.baseAddress, tiles: nil,
          y: y + (pass.yFirst + image * pass.yImage + firstRow * pass.yRow), sums: sums,
          pixels: sums + 2 * lanes * outputs, count: Int64(tiles[rowBlock].count), taps: Int64(offsets.count),
          outputs: Int64(outputs), groups: Int64(groups), positions: Int64(rows * pass.outputWidth),
          width: Int64(pass.outputWidth), y_row: Int64(pass.yRow), y_pixel: Int64(pass.yPixel),
          accumulate: accumulate ? 1 : 0)
        tiles[rowBlock].withUnsafeBufferPointer {
          leaf.tiles = $0.baseAddress
          kernels.convolvePlanes(&leaf)
        }
      }
    }
  }
}

/// gw (+)= sum over pixels of x times gy, by planes of both. Images fall into fixed blocks, each with partial sums of its own.
@specialized(where T == Float)
@specialized(where T == Double)
func planeWeightGradient<T: Scalar>(
  _ kernels: ConvolutionKernels, _ pass: TapPass, _ images: Int, _ gy: UnsafePointer<T>,
  _ x: UnsafePointer<T>, _ gw: UnsafeMutablePointer<T>, _ gwRow: Int, _ accumulate: Bool
) {
  let outputs = pass.outputs
  // So many positions of a tile's planes stay in the first-level cache.
  let together = min(outputs, kernels.tallestGradientPlanes) + min(pass.channels, 4)
  let layout = PlaneLayout(pass, positions: (1 << 15) / MemoryLayout<T>.size / together, shifted: true)
  let taps = (layout.offsets.count + 3) / 4 * 4
  let offsets =
    layout.offsets + Array(repeating: layout.offsets.last!, count: taps - layout.offsets.count)
  let lanes = kernels.planeLanes
  let groups = (outputs + kernels.tallestGradientPlanes - 1) / kernels.tallestGradientPlanes
  let chunks = images * layout.rowBlocks
  let size = outputs * taps * lanes
  let sums = min(chunks, max(4, min(16, (1 << 18) / MemoryLayout<T>.size / size)))
  let gyPlane = layout.rows * pass.outputWidth + 64
  guard let partials = Storage.room(sums * size * MemoryLayout<T>.size) else { return }
  let partial = partials.pointer.assumingMemoryBound(to: T.self)
  ThreadPool.shared.run(sums) { sum in
    guard let room = Storage.room((layout.room(pass) + outputs * gyPlane) * MemoryLayout<T>.size) else {
      return
    }
    let planes = room.pointer.assumingMemoryBound(to: T.self)
    let gradient = planes + layout.room(pass)
    let firstChunk = chunks * sum / sums
    offsets.withUnsafeBufferPointer { offsets in
      for chunk in firstChunk..<(chunks * (sum + 1) / sums) {
        let (image, rowBlock) = chunk.quotientAndRemainder(dividingBy: layout.rowBlocks)
        let firstRow = rowBlock * layout.rows
        let rows = min(layout.rows, pass.outputHeight - firstRow)
        layout.fill(kernels, pass, images, x, image, firstRow, rows, planes)
        let from = pass.yFirst + image * pass.yImage + firstRow * pass.yRow
        let positions = Int64(rows * pass.outputWidth)
        // Rows follow each other without a gap; zeros up to the end of the last vector.
        var fill = cv_plane_rows(
          source: gy + from, target: gradient, rows: 1, width: positions, channels: Int64(outputs),
          source_row: 0, source_pixel: Int64(pass.yPixel), readable: Int64(images * pass.yImage - from),
          first: 0, row: positions, plane: Int64(gyPlane), size: positions + Int64(kernels.width))
        kernels.fillPlanes(&fill)
        var leaf = cv_plane_gradient(
          x: planes, gradient: gradient, partial: partial + sum * size, offsets: offsets.baseAddress,
          taps: Int64(taps), outputs: Int64(outputs), groups: Int64(groups),
          positions: positions, plane: Int64(gyPlane), accumulate: chunk > firstChunk ? 1 : 0)
        kernels.planeGradient(&leaf)
      }
    }
  }
  for sum in 1..<max(1, sums) {
    let from = partial + sum * size
    for i in stride(from: 0, to: size, by: T.Vector.width) {
      (T.Vector.load(UnsafePointer(partial + i)) + T.Vector.load(UnsafePointer(from + i))).store(partial + i)
    }
  }
  for output in 0..<outputs {
    for tap in 0..<layout.offsets.count {
      let from = partial + (output * taps + tap) * lanes
      var total: T = 0
      for lane in 0..<lanes { total += from[lane] }
      let to = gw + tap * gwRow + output
      to.pointee = accumulate ? to.pointee + total : total
    }
  }
}
