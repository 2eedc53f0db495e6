/// Sliding windows over channels-last images: the geometry shared by convolution and pooling.
public struct WindowGeometry: Sendable {
  public var height: Int, width: Int, channels: Int
  public var kernelHeight: Int, kernelWidth: Int
  public var strideY: Int, strideX: Int
  public var padY: Int, padX: Int
  /// Distance of neighboring kernel elements in the image.
  public var dilationY: Int, dilationX: Int
  /// Independent convolutions that share channels and outputs out among them.
  public var groups: Int

  public init(
    height: Int, width: Int, channels: Int, kernel: (Int, Int), stride: (Int, Int), padding: (Int, Int),
    dilation: (Int, Int) = (1, 1), groups: Int = 1
  ) {
    (self.height, self.width, self.channels) = (height, width, channels)
    (kernelHeight, kernelWidth) = kernel
    (strideY, strideX) = stride
    (padY, padX) = padding
    (dilationY, dilationX) = dilation
    self.groups = groups
  }

  /// Pixels that a kernel spans.
  public var extentY: Int { (kernelHeight - 1) * dilationY + 1 }
  public var extentX: Int { (kernelWidth - 1) * dilationX + 1 }
  public var outputHeight: Int { (height + 2 * padY - extentY) / strideY + 1 }
  public var outputWidth: Int { (width + 2 * padX - extentX) / strideX + 1 }
  public var imageSize: Int { height * width * channels }
  public var groupChannels: Int { channels / groups }
  /// Of one group.
  public var patchSize: Int { kernelHeight * kernelWidth * groupChannels }
  public var positions: Int { outputHeight * outputWidth }

  /// Kernel offsets along one axis that fall inside the image, for an output position.
  @inline(__always)
  static func inside(_ start: Int, _ kernel: Int, _ extent: Int) -> (low: Int, high: Int) {
    let low = max(0, -start)
    return (low, max(low, min(kernel, extent - start)))
  }
}

/// Writes every patch of one group of an image's channels as a row: cols[position][ky][kx][channel].
@specialized(where T == Float)
@specialized(where T == Double)
func imageToColumns<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ group: Int, _ image: UnsafeRawPointer, _ columns: UnsafeMutableRawPointer
) {
  let channels = g.groupChannels
  let image = image.assumingMemoryBound(to: T.self) + group * channels
  var out = columns.assumingMemoryBound(to: T.self)
  forEachTap(g) { pixel in
    if let pixel {
      out.update(from: image + pixel * g.channels, count: channels)
    } else {
      out.update(repeating: 0, count: channels)
    }
    out += channels
  }
}

/// The adjoint: adds every patch row back onto the image.
@specialized(where T == Float)
@specialized(where T == Double)
func columnsToImage<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ group: Int, _ columns: UnsafeRawPointer, _ image: UnsafeMutableRawPointer
) {
  let channels = g.groupChannels
  let image = image.assumingMemoryBound(to: T.self) + group * channels
  var from = columns.assumingMemoryBound(to: T.self)
  if g.groups > 1 || g.dilationX > 1 {
    forEachTap(g) { pixel in
      if let pixel { addRow(from, image + pixel * g.channels, channels) }
      from += channels
    }
    return
  }
  // Neighboring kernel elements see neighboring pixels: one row of the kernel is one run.
  for oy in 0..<g.outputHeight {
    for ox in 0..<g.outputWidth {
      let ix = ox * g.strideX - g.padX
      let (low, high) = WindowGeometry.inside(ix, g.kernelWidth, g.width)
      for ky in 0..<g.kernelHeight {
        let iy = oy * g.strideY - g.padY + ky * g.dilationY
        if iy >= 0 && iy < g.height {
          addRow(from + low * channels, image + (iy * g.width + ix + low) * channels, (high - low) * channels)
        }
        from += g.kernelWidth * channels
      }
    }
  }
}

@inline(__always)
private func addRow<T: Scalar>(_ from: UnsafePointer<T>, _ to: UnsafeMutablePointer<T>, _ count: Int) {
  var i = 0
  while i &+ T.Vector.width <= count {
    (T.Vector.load(UnsafePointer(to + i)) + T.Vector.load(from + i)).store(to + i)
    i &+= T.Vector.width
  }
  while i < count {
    to[i] += from[i]
    i &+= 1
  }
}

/// Calls with the pixel that each kernel element of each output position sees, nil in the padding.
@inline(__always)
private func forEachTap(_ g: WindowGeometry, _ body: (Int?) -> Void) {
  for oy in 0..<g.outputHeight {
    for ox in 0..<g.outputWidth {
      for ky in 0..<g.kernelHeight {
        let y = oy * g.strideY - g.padY + ky * g.dilationY
        for kx in 0..<g.kernelWidth {
          let x = ox * g.strideX - g.padX + kx * g.dilationX
          body(y >= 0 && y < g.height && x >= 0 && x < g.width ? y * g.width + x : nil)
        }
      }
    }
  }
}
