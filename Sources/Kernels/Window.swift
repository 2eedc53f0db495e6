/// Sliding windows over channels-last images: the geometry shared by convolution and pooling.
public struct WindowGeometry: Sendable {
  public var height: Int, width: Int, channels: Int
  public var kernelHeight: Int, kernelWidth: Int
  public var strideY: Int, strideX: Int
  public var padY: Int, padX: Int

  public init(
    height: Int, width: Int, channels: Int, kernel: (Int, Int), stride: (Int, Int), padding: (Int, Int)
  ) {
    (self.height, self.width, self.channels) = (height, width, channels)
    (kernelHeight, kernelWidth) = kernel
    (strideY, strideX) = stride
    (padY, padX) = padding
  }

  public var outputHeight: Int { (height + 2 * padY - kernelHeight) / strideY + 1 }
  public var outputWidth: Int { (width + 2 * padX - kernelWidth) / strideX + 1 }
  public var imageSize: Int { height * width * channels }
  public var patchSize: Int { kernelHeight * kernelWidth * channels }
  public var positions: Int { outputHeight * outputWidth }

  /// Kernel offsets along one axis that fall inside the image, for an output position.
  @inline(__always)
  static func inside(_ start: Int, _ kernel: Int, _ extent: Int) -> (low: Int, high: Int) {
    let low = max(0, -start)
    return (low, max(low, min(kernel, extent - start)))
  }
}

/// Writes every patch of one image as a row: cols[position][ky][kx][channel].
@specialized(where T == Float)
@specialized(where T == Double)
func imageToColumns<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ image: UnsafeRawPointer, _ columns: UnsafeMutableRawPointer
) {
  let image = image.assumingMemoryBound(to: T.self)
  var out = columns.assumingMemoryBound(to: T.self)
  let run = g.kernelWidth * g.channels
  for oy in 0..<g.outputHeight {
    for ox in 0..<g.outputWidth {
      let ix = ox * g.strideX - g.padX
      let (low, high) = WindowGeometry.inside(ix, g.kernelWidth, g.width)
      for ky in 0..<g.kernelHeight {
        let iy = oy * g.strideY - g.padY + ky
        if iy < 0 || iy >= g.height || low == high {
          out.update(repeating: 0, count: run)
        } else {
          if low > 0 { out.update(repeating: 0, count: low * g.channels) }
          (out + low * g.channels).update(
            from: image + (iy * g.width + ix + low) * g.channels, count: (high - low) * g.channels)
          if high < g.kernelWidth {
            (out + high * g.channels).update(repeating: 0, count: (g.kernelWidth - high) * g.channels)
          }
        }
        out += run
      }
    }
  }
}

/// The adjoint: adds every patch row back onto the image.
@specialized(where T == Float)
@specialized(where T == Double)
func columnsToImage<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ columns: UnsafeRawPointer, _ image: UnsafeMutableRawPointer
) {
  let image = image.assumingMemoryBound(to: T.self)
  var row = columns.assumingMemoryBound(to: T.self)
  let run = g.kernelWidth * g.channels
  let width = T.Vector.width
  for oy in 0..<g.outputHeight {
    for ox in 0..<g.outputWidth {
      let ix = ox * g.strideX - g.padX
      let (low, high) = WindowGeometry.inside(ix, g.kernelWidth, g.width)
      for ky in 0..<g.kernelHeight {
        let iy = oy * g.strideY - g.padY + ky
        if iy >= 0 && iy < g.height && low < high {
          let target = image + (iy * g.width + ix + low) * g.channels
          let source = row + low * g.channels
          let n = (high - low) * g.channels
          var i = 0
          while i &+ width <= n {
            (T.Vector.load(UnsafePointer(target + i)) + T.Vector.load(source + i)).store(target + i)
            i &+= width
          }
          while i < n {
            target[i] += source[i]
            i &+= 1
          }
        }
        row += run
      }
    }
  }
}
