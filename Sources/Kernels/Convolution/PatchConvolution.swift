/// Convolution as products of patch matrices: the plain way, which float64 takes and the direct kernels are tested by.
/// Images are shared out in blocks that depend on their number alone.
private let imageBlocks = 8

func patchForward<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ x: UnsafeRawPointer, _ w: UnsafeRawPointer,
  _ y: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let size = MemoryLayout<T>.stride
  let groups = PatchGroups(T.self, g, outputs)
  guard let split = groups.split(w, g.patchSize) else { return }
  forEachImageBlock(images) { _, low, high in
    guard let columns = Storage.room(g.positions * g.patchSize * size),
      let part = Storage.room(g.positions * groups.outputs * size)
    else { return }
    for image in low..<high {
      let target = y + image * g.positions * outputs * size
      for group in 0..<g.groups {
        imageToColumns(T.self, g, group, x + image * g.imageSize * size, columns.pointer)
        let weights = groups.matrix(split, w, group, g.patchSize)
        if g.groups == 1 {
          gemm(
            T.self, false, false, g.positions, outputs, g.patchSize, columns.pointer, weights, target,
            accumulate,
            shared: false)
        } else {
          gemm(
            T.self, false, false, g.positions, groups.outputs, g.patchSize, columns.pointer, weights,
            part.pointer,
            false, shared: false)
          groups.join(part.pointer, group, g.positions, target, accumulate)
        }
      }
    }
  }
}

func patchInputGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ gy: UnsafeRawPointer,
  _ w: UnsafeRawPointer, _ gx: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let size = MemoryLayout<T>.stride
  let groups = PatchGroups(T.self, g, outputs)
  guard let split = groups.split(w, g.patchSize) else { return }
  forEachImageBlock(images) { _, low, high in
    guard let columns = Storage.room(g.positions * g.patchSize * size) else { return }
    for image in low..<high {
      let gradient = gy + image * g.positions * outputs * size
      guard let parts = groups.split(gradient, g.positions) else { return }
      let target = gx + image * g.imageSize * size
      if !accumulate { fill(T.self, target, g.imageSize, 0) }
      for group in 0..<g.groups {
        gemm(
          T.self, false, true, g.positions, g.patchSize, groups.outputs,
          groups.matrix(parts, gradient, group, g.positions), groups.matrix(split, w, group, g.patchSize),
          columns.pointer, false, shared: false)
        columnsToImage(T.self, g, group, columns.pointer, target)
      }
    }
  }
}

/// One partial sum per block of images, added in order.
func patchWeightGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ gy: UnsafeRawPointer,
  _ x: UnsafeRawPointer, _ gw: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let size = MemoryLayout<T>.stride
  let groups = PatchGroups(T.self, g, outputs)
  let weights = g.patchSize * outputs
  let blocks = min(imageBlocks, images)
  guard let partials = Storage.room(max(1, blocks) * weights * size) else { return }
  forEachImageBlock(images) { block, low, high in
    guard let columns = Storage.room(g.positions * g.patchSize * size) else { return }
    for image in low..<high {
      let gradient = gy + image * g.positions * outputs * size
      guard let parts = groups.split(gradient, g.positions) else { return }
      for group in 0..<g.groups {
        imageToColumns(T.self, g, group, x + image * g.imageSize * size, columns.pointer)
        gemm(
          T.self, true, false, g.patchSize, groups.outputs, g.positions, columns.pointer,
          groups.matrix(parts, gradient, group, g.positions),
          partials.pointer + (block * weights + group * g.patchSize * groups.outputs) * size, image > low,
          shared: false)
      }
    }
  }
  if !accumulate { fill(T.self, gw, weights, 0) }
  for block in 0..<blocks {
    for group in 0..<g.groups {
      groups.join(
        partials.pointer + (block * weights + group * g.patchSize * groups.outputs) * size, group,
        g.patchSize, gw,
        true)
    }
  }
}

/// Matrices whose columns are shared out among groups, as one matrix a group.
private struct PatchGroups<T: Scalar> {
  let groups: Int
  let outputs: Int

  init(_: T.Type, _ g: WindowGeometry, _ outputs: Int) {
    groups = g.groups
    self.outputs = outputs / g.groups
  }

  /// [group][row][column] of a matrix [row][group][column], which for one group it already is; nil without room.
  func split(_ matrix: UnsafeRawPointer, _ rows: Int) -> Split? {
    if groups == 1 { return Split(storage: nil) }
    let size = MemoryLayout<T>.stride
    guard let result = Storage.room(rows * groups * outputs * size) else { return nil }
    for group in 0..<groups {
      for row in 0..<rows {
        (result.pointer + (group * rows + row) * outputs * size).copyMemory(
          from: matrix + (row * groups + group) * outputs * size, byteCount: outputs * size)
      }
    }
    return Split(storage: result)
  }

  struct Split { let storage: Storage? }

  func matrix(_ split: Split, _ whole: UnsafeRawPointer, _ group: Int, _ rows: Int) -> UnsafeRawPointer {
    split.storage.map { UnsafeRawPointer($0.pointer + group * rows * outputs * MemoryLayout<T>.stride) }
      ?? whole
  }

  func join(
    _ part: UnsafeRawPointer, _ group: Int, _ rows: Int, _ whole: UnsafeMutableRawPointer, _ accumulate: Bool
  ) {
    let size = MemoryLayout<T>.stride
    for row in 0..<rows {
      scale(
        T.self, part + row * outputs * size, 1, whole + (row * groups + group) * outputs * size, outputs,
        accumulate)
    }
  }
}

private func forEachImageBlock(_ images: Int, _ body: (_ block: Int, _ low: Int, _ high: Int) -> Void) {
  let blocks = min(imageBlocks, images)
  ThreadPool.shared.run(blocks) { block in
    body(block, images * block / blocks, images * (block + 1) / blocks)
  }
}
