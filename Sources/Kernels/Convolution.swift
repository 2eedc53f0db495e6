/// The three contractions of convolution, channels-last, as products of patch matrices; weights are
/// [kernelHeight, kernelWidth, channels, outputs]. Images are shared out in blocks that depend on their number alone.
private let imageBlocks = 8

/// y (+)= x * w over `images` images.
public func convolveForward<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ x: UnsafeRawPointer, _ w: UnsafeRawPointer,
  _ y: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let size = MemoryLayout<T>.stride
  forEachImageBlock(images) { _, low, high in
    let columns = Storage(byteCount: g.positions * g.patchSize * size)
    for image in low..<high {
      imageToColumns(T.self, g, x + image * g.imageSize * size, columns.pointer)
      gemm(
        T.self, false, false, g.positions, outputs, g.patchSize, columns.pointer, w,
        y + image * g.positions * outputs * size, accumulate, shared: false)
    }
  }
}

/// gx (+)= adjoint in x of gy.
public func convolveInputGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ gy: UnsafeRawPointer,
  _ w: UnsafeRawPointer,
  _ gx: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let size = MemoryLayout<T>.stride
  forEachImageBlock(images) { _, low, high in
    let columns = Storage(byteCount: g.positions * g.patchSize * size)
    for image in low..<high {
      gemm(
        T.self, false, true, g.positions, g.patchSize, outputs, gy + image * g.positions * outputs * size, w,
        columns.pointer, false, shared: false)
      let target = gx + image * g.imageSize * size
      if !accumulate { fill(T.self, target, g.imageSize, 0) }
      columnsToImage(T.self, g, columns.pointer, target)
    }
  }
}

/// gw (+)= adjoint in w of gy: one partial sum per block of images, added in order.
public func convolveWeightGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ gy: UnsafeRawPointer,
  _ x: UnsafeRawPointer,
  _ gw: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let size = MemoryLayout<T>.stride
  let weights = g.patchSize * outputs
  let blocks = min(imageBlocks, images)
  let partials = Storage(byteCount: max(1, blocks) * weights * size)
  forEachImageBlock(images) { block, low, high in
    let columns = Storage(byteCount: g.positions * g.patchSize * size)
    for image in low..<high {
      imageToColumns(T.self, g, x + image * g.imageSize * size, columns.pointer)
      gemm(
        T.self, true, false, g.patchSize, outputs, g.positions, columns.pointer,
        gy + image * g.positions * outputs * size, partials.pointer + block * weights * size, image > low,
        shared: false)
    }
  }
  if !accumulate { fill(T.self, gw, weights, 0) }
  for block in 0..<blocks { addScaled(T.self, gw, partials.pointer + block * weights * size, 1, gw, weights) }
}

private func forEachImageBlock(_ images: Int, _ body: (_ block: Int, _ low: Int, _ high: Int) -> Void) {
  let blocks = min(imageBlocks, images)
  ThreadPool.shared.run(blocks) { block in
    body(block, images * block / blocks, images * (block + 1) / blocks)
  }
}
