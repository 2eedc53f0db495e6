import CVector

/// Convolution with 3 x 3 kernels, channels-last, by Winograd's F(4x4,3x3): 36 products for 16 outputs in place of 144. A
/// task transforms a block of tiles into 36 matrices [tiles, channels], multiplies each by its matrix of transformed
/// weights, a panel of columns at a time, and transforms the sums straight into the result; what it works on stays in the
/// second-level cache. The input gradient is the convolution of the gradient with the turned kernel.
///
/// Bitwise the same for any number of threads: a tile's sums run over the channels in order, whatever block it is in.
struct WinogradPass {
  let images: Int
  let height: Int, width: Int, channels: Int
  /// Rows and columns of zeros before the image; where negative, rows and columns that no output reads.
  let padY: Int, padX: Int
  let outputHeight: Int, outputWidth: Int, outputs: Int

  init(forward g: WindowGeometry, _ images: Int, _ outputs: Int) {
    self.images = images
    (height, width, channels) = (g.height, g.width, g.channels)
    (padY, padX) = (g.padY, g.padX)
    (outputHeight, outputWidth, self.outputs) = (g.outputHeight, g.outputWidth, outputs)
  }

  init(inputGradient g: WindowGeometry, _ images: Int, _ outputs: Int) {
    self.images = images
    (height, width, channels) = (g.outputHeight, g.outputWidth, outputs)
    (padY, padX) = (2 - g.padY, 2 - g.padX)
    (outputHeight, outputWidth, self.outputs) = (g.height, g.width, g.channels)
  }

  static let tile = 4
  /// With smaller pages, 36 streams leave the first buffer of translations.
  private static let largePage = 2 << 20
  var tileRows: Int { divideUp(outputHeight, Self.tile) }
  var tileColumns: Int { divideUp(outputWidth, Self.tile) }
  var tiles: Int { images * tileRows * tileColumns }
}

func winogradForward(
  _ kernels: WinogradKernels, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ x: UnsafeRawPointer,
  _ w: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let pass = WinogradPass(forward: g, images, outputs)
  guard pass.tiles > 0 else { return }
  guard
    let weights = WinogradWeights(
      kernels, g.channels, outputs, w.assumingMemoryBound(to: Float.self), tap: g.channels * outputs,
      row: outputs)
  else { return }
  pass.run(
    kernels, weights, x.assumingMemoryBound(to: Float.self), y.assumingMemoryBound(to: Float.self), accumulate
  )
}

func winogradInputGradient(
  _ kernels: WinogradKernels, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ gy: UnsafeRawPointer,
  _ w: UnsafeRawPointer, _ gx: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let pass = WinogradPass(inputGradient: g, images, outputs)
  guard pass.tiles > 0 else { return }
  // A transposition writes whole vectors.
  let row = divideUp(g.channels, 16) * 16
  guard let turned = Storage.room(9 * outputs * row * 4) else { return }
  let (from, to) = (
    w.assumingMemoryBound(to: Float.self), turned.pointer.assumingMemoryBound(to: Float.self)
  )
  ThreadPool.shared.run(9) { tap in
    kernels.products.packRows(
      outputs, g.channels, from + (8 - tap) * g.channels * outputs, outputs, to + tap * outputs * row, row)
  }
  guard let weights = WinogradWeights(kernels, outputs, g.channels, to, tap: outputs * row, row: row)
  else { return }
  pass.run(
    kernels, weights, gy.assumingMemoryBound(to: Float.self), gx.assumingMemoryBound(to: Float.self),
    accumulate)
}

/// Transformed weights: for each panel of columns, as wide as two vectors or one, 36 matrices [channels, columns].
struct WinogradWeights {
  let channels: Int, outputs: Int
  private let storage: Storage
  private let vector: Int
  /// From one matrix to the next: a line more than they take, or all 36 would lie in the same cache set.
  private let plane: Int

  init?(
    _ kernels: WinogradKernels, _ channels: Int, _ outputs: Int, _ w: UnsafePointer<Float>, tap: Int, row: Int
  ) {
    (self.channels, self.outputs) = (channels, outputs)
    vector = kernels.products.width
    plane = 2 * vector * channels + 16
    guard let storage = Storage.room(divideUp(outputs, 2 * vector) * 36 * plane * 4) else { return nil }
    self.storage = storage
    let plane = plane
    let chunk = 64
    let chunks = divideUp(channels, chunk)
    ThreadPool.shared.run(panels * chunks) { task in
      let (panel, part) = task.quotientAndRemainder(dividingBy: chunks)
      let low = part * chunk
      let width = self.width(panel)
      var leaf = cv_winograd_weights(
        weights: w + low * row + first(panel), transformed: matrix(panel, 0) + low * width, tap: Int64(tap),
        row: Int64(row), channels: Int64(min(chunk, channels - low)), plane: Int64(plane),
        columns: Int64(columns(panel)), width: Int64(width))
      kernels.weights(&leaf)
    }
  }

  var panels: Int { divideUp(outputs, 2 * vector) }
  func first(_ panel: Int) -> Int { 2 * vector * panel }
  func columns(_ panel: Int) -> Int { min(2 * vector, outputs - first(panel)) }
  func width(_ panel: Int) -> Int { columns(panel) <= vector ? vector : 2 * vector }
  func matrix(_ panel: Int, _ index: Int) -> UnsafeMutablePointer<Float> {
    storage.pointer.assumingMemoryBound(to: Float.self) + (36 * panel + index) * plane
  }
}

extension WinogradPass {
  /// Tiles of a task: so few that the transformed ones stay in the second-level cache; where they do not, so many that
  /// the weights, which each task reads once, cost little. No sum is cut by this.
  private var tilesInTask: Int {
    let most = channels <= 256 ? 28 : 56
    let threads = ThreadPool.shared.threads
    return threads == 1 ? most : min(most, max(14, divideUp(tiles, 4 * threads)))
  }

  func run(
    _ kernels: WinogradKernels, _ weights: WinogradWeights, _ x: UnsafePointer<Float>,
    _ y: UnsafeMutablePointer<Float>, _ accumulate: Bool
  ) {
    guard let zeros = Storage.room(zeroed: channels * 4) else { return }
    let blocks = Split(tiles, divideUp(tiles, tilesInTask))
    // Rows a line apart from multiples of a page, and an odd number of lines between planes: those of a tile, or of the
    // rows of a product, would meet in few cache sets.
    let row = divideUp(channels, 16) * 16 + 16
    let plane = (blocks.longest * row / 16 | 1) * 16
    let width = 2 * kernels.products.width
    let sumPlane = (blocks.longest * width / 16 | 1) * 16
    ThreadPool.shared.run(blocks.parts) { task in
      let range = blocks[task]
      guard let room = cv_scratch(0, max(Self.largePage, 36 * (plane + sumPlane) * 4)) else { return }
      let transformed = room.assumingMemoryBound(to: Float.self)
      let sums = transformed + 36 * plane
      transformInput(
        kernels, x, zeros.pointer.assumingMemoryBound(to: Float.self), range, transformed, row, plane)
      for panel in 0..<weights.panels {
        multiply(kernels.products, weights, panel, range.count, transformed, row, plane, sums, sumPlane)
        transformOutput(
          kernels, range, sums, weights.width(panel), sumPlane, y + weights.first(panel),
          weights.columns(panel), accumulate)
      }
    }
  }

  private func place(_ tile: Int) -> (image: Int, row: Int, column: Int) {
    let (line, column) = tile.quotientAndRemainder(dividingBy: tileColumns)
    let (image, row) = line.quotientAndRemainder(dividingBy: tileRows)
    return (image, row * Self.tile, column * Self.tile)
  }

  private func transformInput(
    _ kernels: WinogradKernels, _ x: UnsafePointer<Float>, _ zeros: UnsafePointer<Float>, _ tiles: Range<Int>,
    _ transformed: UnsafeMutablePointer<Float>, _ row: Int, _ plane: Int
  ) {
    withUnsafeTemporaryAllocation(of: UnsafePointer<Float>?.self, capacity: 72) { pixels in
      let pixels = pixels.baseAddress!
      pixels.initialize(repeating: nil, count: 72)
      find(tiles.lowerBound, x, zeros, pixels)
      for (i, tile) in tiles.enumerated() {
        let (now, next) = (pixels + i % 2 * 36, pixels + (i + 1) % 2 * 36)
        find(min(tile + 1, tiles.upperBound - 1), x, zeros, next)
        var leaf = cv_winograd_input(
          pixels: now, next: next, transformed: transformed + i * row, plane: Int64(plane),
          channels: Int64(channels))
        kernels.input(&leaf)
      }
    }
  }

  /// The 36 pixels of a tile.
  private func find(
    _ tile: Int, _ x: UnsafePointer<Float>, _ zeros: UnsafePointer<Float>,
    _ pixels: UnsafeMutablePointer<UnsafePointer<Float>?>
  ) {
    let (image, tileRow, tileColumn) = place(tile)
    let (top, left) = (tileRow &- padY, tileColumn &- padX)
    let source = x + image &* height &* width &* channels
    for i in 0..<6 {
      let inside = top &+ i >= 0 && top &+ i < height
      let line = source + (inside ? (top &+ i) &* width &* channels : 0)
      for j in 0..<6 {
        let there = inside && left &+ j >= 0 && left &+ j < width
        pixels[6 &* i &+ j] = there ? line + (left &+ j) &* channels : zeros
      }
    }
  }

  /// The 36 products of a panel of columns.
  private func multiply(
    _ kernels: GemmKernels, _ weights: WinogradWeights, _ panel: Int, _ tiles: Int,
    _ transformed: UnsafePointer<Float>, _ row: Int, _ plane: Int, _ sums: UnsafeMutablePointer<Float>,
    _ sumPlane: Int
  ) {
    let width = weights.width(panel)
    let table = width == kernels.width ? kernels.narrow : kernels.wide
    let rows = Split(tiles, divideUp(tiles, kernels.rows))
    let depths = Split(channels, divideUp(channels, deepestBlock), unit: 16)
    for index in 0..<36 {
      let matrix = weights.matrix(panel, index)
      for d in 0..<depths.parts {
        let depth = depths[d]
        let source = UnsafePointer(matrix + depth.lowerBound * width)
        var tile = cv_tile(
          a: nil, b: source, c: nil, a_row: row, a_step: 1, b_step: width, c_row: width, depth: depth.count,
          accumulate: d > 0, bias: nil, residue: nil)
        for i in 0..<rows.parts {
          let range = rows[i]
          tile.a = UnsafeRawPointer(transformed + (index * plane + range.lowerBound * row + depth.lowerBound))
          tile.c = UnsafeMutableRawPointer(sums + (index * sumPlane + range.lowerBound * width))
          table[range.count - 1](&tile)
        }
      }
    }
  }

  private func transformOutput(
    _ kernels: WinogradKernels, _ tiles: Range<Int>, _ sums: UnsafePointer<Float>, _ row: Int, _ plane: Int,
    _ y: UnsafeMutablePointer<Float>, _ columns: Int, _ accumulate: Bool
  ) {
    func start(_ tile: Int) -> UnsafeMutablePointer<Float> {
      let (image, tileRow, tileColumn) = place(tile)
      return y + ((image * outputHeight + tileRow) * outputWidth + tileColumn) * outputs
    }
    for tile in tiles {
      let (_, tileRow, tileColumn) = place(tile)
      var leaf = cv_winograd_output(
        sums: sums + (tile - tiles.lowerBound) * row, y: start(tile),
        next: start(min(tile + 1, tiles.upperBound - 1)), plane: Int64(plane),
        y_row: Int64(outputWidth * outputs), y_pixel: Int64(outputs), outputs: Int64(columns),
        rows: Int32(min(Self.tile, outputHeight - tileRow)),
        columns: Int32(min(Self.tile, outputWidth - tileColumn)), accumulate: accumulate ? 1 : 0)
      kernels.output(&leaf)
    }
  }
}
