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
    forEachWindow(g) { iy, ix, top, bottom, left, right in
      let first = base + ((iy + top) * g.width + ix + left) * g.channels
      var c = 0
      while c < g.channels {
        var best = first &+ c
        var largest = x[best]
        for ky in top..<bottom {
          for kx in left..<right {
            let at = base &+ ((iy &+ ky) &* g.width &+ ix &+ kx) &* g.channels &+ c
            if x[at] > largest || (x[at].isNaN && !largest.isNaN) {
              largest = x[at]
              best = at
            }
          }
        }
        out[c] = Int32(truncatingIfNeeded: best)
        c &+= 1
      }
      out += g.channels
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
          addScaledRow(T.self, from, factor, out, g.channels)
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
          addScaledRow(T.self, from, factor, to, g.channels)
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

@inline(__always)
private func addScaledRow<T: Scalar>(
  _: T.Type, _ from: UnsafePointer<T>, _ factor: T, _ to: UnsafeMutablePointer<T>, _ count: Int
) {
  let factors = T.Vector(Double(factor))
  var c = 0
  while c &+ T.Vector.width <= count {
    T.Vector.load(from + c).fused(times: factors, plus: T.Vector.load(UnsafePointer(to + c))).store(to + c)
    c &+= T.Vector.width
  }
  while c < count {
    to[c] = to[c].addingProduct(from[c], factor)
    c &+= 1
  }
}
