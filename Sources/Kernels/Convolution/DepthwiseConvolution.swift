/// Convolution of each channel by a kernel of its own, channels-last: vectors lie along channels, and every sum is over
/// taps alone. Weights are [kernelHeight, kernelWidth, 1, channels].

extension WindowGeometry {
  /// Whether every channel is a group, with one output.
  func isDepthwise(_ outputs: Int) -> Bool { groups == channels && outputs == channels && channels > 1 }
}

/// Where along one axis a kernel element and a position of the other image meet.
private struct Meeting {
  let kernel: Int
  let place: Int
}

/// For each position along an axis, the kernel elements that reach a place of the other image.
private struct Meetings {
  private(set) var all: [Meeting] = []
  /// Where those of each position begin, and at last their number.
  private(set) var starts = [0]

  init(_ count: Int, _ kernel: Int, _ extent: Int, _ place: (_ position: Int, _ kernel: Int) -> Int?) {
    for position in 0..<count {
      for k in 0..<kernel {
        if let at = place(position, k), at >= 0, at < extent { all.append(Meeting(kernel: k, place: at)) }
      }
      starts.append(all.count)
    }
  }

  var count: Int { starts.count - 1 }
}

@specialized(where T == Float)
@specialized(where T == Double)
func depthwiseForward<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ x: UnsafeRawPointer, _ w: UnsafeRawPointer,
  _ y: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let rows = Meetings(g.outputHeight, g.kernelHeight, g.height) { $0 * g.strideY - g.padY + $1 * g.dilationY }
  let columns = Meetings(g.outputWidth, g.kernelWidth, g.width) { $0 * g.strideX - g.padX + $1 * g.dilationX }
  gatherTaps(T.self, g, images, rows, columns, (g.height, g.width), x, w, y, accumulate)
}

@specialized(where T == Float)
@specialized(where T == Double)
func depthwiseInputGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ gy: UnsafeRawPointer, _ w: UnsafeRawPointer,
  _ gx: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  func back(_ distance: Int, _ stride: Int) -> Int? {
    distance >= 0 && distance % stride == 0 ? distance / stride : nil
  }
  let rows = Meetings(g.height, g.kernelHeight, g.outputHeight) {
    back($0 + g.padY - $1 * g.dilationY, g.strideY)
  }
  let columns = Meetings(g.width, g.kernelWidth, g.outputWidth) {
    back($0 + g.padX - $1 * g.dilationX, g.strideX)
  }
  gatherTaps(T.self, g, images, rows, columns, (g.outputHeight, g.outputWidth), gy, w, gx, accumulate)
}

/// to[row, column] (+)= sum over meetings of from[place] w[kernel], for every image; extents: of `from`.
@inline(__always)
private func gatherTaps<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ rows: Meetings, _ columns: Meetings,
  _ extents: (height: Int, width: Int), _ from: UnsafeRawPointer, _ w: UnsafeRawPointer,
  _ to: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let (from, w) = (from.assumingMemoryBound(to: T.self), w.assumingMemoryBound(to: T.self))
  let to = to.assumingMemoryBound(to: T.self)
  let (channels, lanes, count) = (g.channels, T.Vector.width, columns.count)
  let work = max(1, count * channels * g.kernelHeight * g.kernelWidth)
  parallelRanges(images * rows.count, length: max(1, blockLength / work)) { low, high in
    rows.all.withUnsafeBufferPointer { above in
      columns.all.withUnsafeBufferPointer { beside in
        columns.starts.withUnsafeBufferPointer { starts in
          for line in low..<high {
            let (image, row) = line.quotientAndRemainder(dividingBy: rows.count)
            let base = from + image &* extents.height &* extents.width &* channels
            let (first, last) = (rows.starts[row], rows.starts[row &+ 1])
            for column in 0..<count {
              let out = to + (line &* count &+ column) &* channels
              var c = 0
              while c < channels {
                let n = min(lanes, channels &- c)
                var sum = accumulate ? T.Vector.load(UnsafePointer(out) + c, count: n) : T.Vector(0)
                for i in first..<last {
                  let pixels = base + above[i].place &* extents.width &* channels + c
                  let kernels = w + above[i].kernel &* g.kernelWidth &* channels + c
                  for j in starts[column]..<starts[column &+ 1] {
                    let pixel = pixels + beside[j].place &* channels
                    let kernel = kernels + beside[j].kernel &* channels
                    if n == lanes {
                      sum = T.Vector.load(pixel).fused(times: .load(kernel), plus: sum)
                    } else {
                      sum = T.Vector.load(pixel, count: n).fused(times: .load(kernel, count: n), plus: sum)
                    }
                  }
                }
                sum.store(out + c, count: n)
                c &+= n
              }
            }
          }
        }
      }
    }
  }
}

/// Images are shared out in blocks that depend on their number alone, with a partial sum each.
@specialized(where T == Float)
@specialized(where T == Double)
func depthwiseWeightGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ gy: UnsafeRawPointer, _ x: UnsafeRawPointer,
  _ gw: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  let gy = gy.assumingMemoryBound(to: T.self)
  let x = x.assumingMemoryBound(to: T.self)
  let (channels, weights, lanes) = (g.channels, g.patchSize * g.channels, T.Vector.width)
  let blocks = min(8, images)
  if !accumulate { fill(T.self, gw, weights, 0) }
  let size = MemoryLayout<T>.stride
  guard blocks > 0, let partials = Storage.room(blocks * weights * size) else { return }
  fill(T.self, partials.pointer, blocks * weights, 0)
  ThreadPool.shared.run(blocks) { block in
    let sums = partials.pointer.assumingMemoryBound(to: T.self) + block * weights
    for image in (images * block / blocks)..<(images * (block + 1) / blocks) {
      for oy in 0..<g.outputHeight {
        let gradient = gy + (image * g.positions + oy * g.outputWidth) * channels
        for ky in 0..<g.kernelHeight {
          let iy = oy * g.strideY - g.padY + ky * g.dilationY
          guard iy >= 0, iy < g.height else { continue }
          let pixels = x + image * g.imageSize + iy * g.width * channels
          for kx in 0..<g.kernelWidth {
            let start = kx * g.dilationX - g.padX
            // The output positions of which this kernel element sees a pixel.
            let low = start >= 0 ? 0 : (-start + g.strideX - 1) / g.strideX
            let high = min(g.outputWidth, (g.width - start + g.strideX - 1) / g.strideX)
            guard low < high else { continue }
            let target = sums + (ky * g.kernelWidth + kx) * channels
            var c = 0
            while c < channels {
              let n = min(lanes, channels &- c)
              var sum = T.Vector.load(UnsafePointer(target) + c, count: n)
              var (p, q) = (
                pixels + (low &* g.strideX &+ start) &* channels + c, gradient + low &* channels + c
              )
              for _ in low..<high {
                if n == lanes {
                  sum = T.Vector.load(p).fused(times: .load(q), plus: sum)
                } else {
                  sum = T.Vector.load(p, count: n).fused(times: .load(q, count: n), plus: sum)
                }
                p += g.strideX &* channels
                q += channels
              }
              sum.store(target + c, count: n)
              c &+= n
            }
          }
        }
      }
    }
  }
  for block in 0..<blocks {
    scale(T.self, partials.pointer + block * weights * size, 1, gw, weights, true)
  }
}
