/// For every output element the flat index of the largest input in its window; padding never wins, NaN does.
@specialized(where T == Float)
@specialized(where T == Double)
public func maxPoolIndices<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ x: UnsafeRawPointer, _ indices: UnsafeMutablePointer<Int32>
) {
  let x = x.assumingMemoryBound(to: T.self)
  let outputs = g.positions * g.channels
  ThreadPool.shared.run(images) { image in
    let base = image * g.imageSize
    var out = indices + image * outputs
    for oy in 0..<g.outputHeight {
      for ox in 0..<g.outputWidth {
        let iy = oy * g.strideY - g.padY
        let ix = ox * g.strideX - g.padX
        let (top, bottom) = WindowGeometry.inside(iy, g.kernelHeight, g.height)
        let (left, right) = WindowGeometry.inside(ix, g.kernelWidth, g.width)
        for c in 0..<g.channels {
          var best = base + ((iy + top) * g.width + ix + left) * g.channels + c
          var largest = x[best]
          for ky in top..<bottom {
            for kx in left..<right {
              let at = base + ((iy + ky) * g.width + ix + kx) * g.channels + c
              if x[at] > largest || (x[at].isNaN && !largest.isNaN) {
                largest = x[at]
                best = at
              }
            }
          }
          out[c] = Int32(truncatingIfNeeded: best)
        }
        out += g.channels
      }
    }
  }
}

/// y (+)= window means of x; zeros of the padding count, as in PyTorch.
@specialized(where T == Float)
@specialized(where T == Double)
public func averagePool<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ x: UnsafeRawPointer, _ y: UnsafeMutableRawPointer,
  _ accumulate: Bool
) {
  let x = x.assumingMemoryBound(to: T.self)
  let y = y.assumingMemoryBound(to: T.self)
  let factor = T(1) / T(g.kernelHeight * g.kernelWidth)
  ThreadPool.shared.run(images) { image in
    var out = y + image * g.positions * g.channels
    forEachWindow(g) { iy, ix, top, bottom, left, right in
      if !accumulate { out.update(repeating: 0, count: g.channels) }
      for ky in top..<bottom {
        for kx in left..<right {
          let from = x + image * g.imageSize + ((iy + ky) * g.width + ix + kx) * g.channels
          for c in 0..<g.channels { out[c] += from[c] * factor }
        }
      }
      out += g.channels
    }
  }
}

/// gx += adjoint of `averagePool` applied to gy.
@specialized(where T == Float)
@specialized(where T == Double)
public func averagePoolAdjoint<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ gy: UnsafeRawPointer, _ gx: UnsafeMutableRawPointer
) {
  let gy = gy.assumingMemoryBound(to: T.self)
  let gx = gx.assumingMemoryBound(to: T.self)
  let factor = T(1) / T(g.kernelHeight * g.kernelWidth)
  ThreadPool.shared.run(images) { image in
    var from = gy + image * g.positions * g.channels
    forEachWindow(g) { iy, ix, top, bottom, left, right in
      for ky in top..<bottom {
        for kx in left..<right {
          let to = gx + image * g.imageSize + ((iy + ky) * g.width + ix + kx) * g.channels
          for c in 0..<g.channels { to[c] += from[c] * factor }
        }
      }
      from += g.channels
    }
  }
}

@inline(__always)
private func forEachWindow(_ g: WindowGeometry, _ body: (Int, Int, Int, Int, Int, Int) -> Void) {
  for oy in 0..<g.outputHeight {
    let iy = oy * g.strideY - g.padY
    let (top, bottom) = WindowGeometry.inside(iy, g.kernelHeight, g.height)
    for ox in 0..<g.outputWidth {
      let ix = ox * g.strideX - g.padX
      let (left, right) = WindowGeometry.inside(ix, g.kernelWidth, g.width)
      body(iy, ix, top, bottom, left, right)
    }
  }
}
