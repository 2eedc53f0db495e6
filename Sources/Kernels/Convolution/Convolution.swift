/// The three contractions of convolution, channels-last; weights are [kernelHeight, kernelWidth, channels / groups,
/// outputs]. Direct kernels, in float32 Winograd's, too; the products of patch matrices that they are held to; and those along
/// channels where each has a kernel of its own.

/// y (+)= x * w over `images` images.
public func convolveForward<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ x: UnsafeRawPointer, _ w: UnsafeRawPointer,
  _ y: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  switch ConvolutionChoice.forward(T.dtype, g, images, outputs) {
  case .winograd: winogradForward(.fastest, g, images, outputs, x, w, y, accumulate)
  case .direct: directForward(T.self, .fastest(T.dtype), g, images, outputs, x, w, y, accumulate)
  case .patches: patchForward(T.self, g, images, outputs, x, w, y, accumulate)
  case .depthwise: depthwiseForward(T.self, g, images, x, w, y, accumulate)
  }
}

/// gx (+)= adjoint in x of gy.
public func convolveInputGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ gy: UnsafeRawPointer,
  _ w: UnsafeRawPointer, _ gx: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  switch ConvolutionChoice.inputGradient(T.dtype, g, images, outputs) {
  case .winograd: winogradInputGradient(.fastest, g, images, outputs, gy, w, gx, accumulate)
  case .direct: directInputGradient(T.self, .fastest(T.dtype), g, images, outputs, gy, w, gx, accumulate)
  case .patches: patchInputGradient(T.self, g, images, outputs, gy, w, gx, accumulate)
  case .depthwise: depthwiseInputGradient(T.self, g, images, gy, w, gx, accumulate)
  }
}

/// gw (+)= adjoint in w of gy.
public func convolveWeightGradient<T: Scalar>(
  _: T.Type, _ g: WindowGeometry, _ images: Int, _ outputs: Int, _ gy: UnsafeRawPointer,
  _ x: UnsafeRawPointer, _ gw: UnsafeMutableRawPointer, _ accumulate: Bool
) {
  switch ConvolutionChoice.weightGradient(g, outputs) {
  case .patches: patchWeightGradient(T.self, g, images, outputs, gy, x, gw, accumulate)
  case .depthwise: depthwiseWeightGradient(T.self, g, images, gy, x, gw, accumulate)
  case .direct, .winograd:
    directWeightGradient(T.self, .fastest(T.dtype), g, images, outputs, gy, x, gw, accumulate)
  }
}

@specialized(where T == Float)
@specialized(where T == Double)
func directForward<T: Scalar>(
  _: T.Type, _ kernels: ConvolutionKernels, _ g: WindowGeometry, _ images: Int, _ outputs: Int,
  _ x: UnsafeRawPointer,
  _ w: UnsafeRawPointer, _ y: UnsafeMutableRawPointer, _ accumulate: Bool, _ forced: PassVectors? = nil
) {
  let y = y.assumingMemoryBound(to: T.self)
  guard images > 0, outputs > 0 else { return }
  guard g.channels > 0 else { return clear(y, images * g.positions * outputs, accumulate) }
  let w = w.assumingMemoryBound(to: T.self)
  for group in 0..<g.groups {
    let pass = TapPass(forward: g, outputs, group)
    runTaps(kernels, [pass], images, x.assumingMemoryBound(to: T.self), y, accumulate, forced) {
      pass, low, high, width, to in
      for term in 0..<pass.depth {
        (to + term * width).update(from: w + term * outputs + group * pass.outputs + low, count: high - low)
        (to + term * width + high - low).update(repeating: 0, count: width - (high - low))
      }
    }
  }
}

@specialized(where T == Float)
@specialized(where T == Double)
func directInputGradient<T: Scalar>(
  _: T.Type, _ kernels: ConvolutionKernels, _ g: WindowGeometry, _ images: Int, _ outputs: Int,
  _ gy: UnsafeRawPointer,
  _ w: UnsafeRawPointer, _ gx: UnsafeMutableRawPointer, _ accumulate: Bool, _ forced: PassVectors? = nil
) {
  let gx = gx.assumingMemoryBound(to: T.self)
  let w = w.assumingMemoryBound(to: T.self)
  let passes = TapPass.inputGradient(g, outputs)
  guard images > 0, g.imageSize > 0 else { return }
  guard outputs > 0 else { return clear(gx, images * g.imageSize, accumulate) }
  if passes.contains(where: { $0.depth == 0 }) {
    clear(gx, images * g.imageSize, accumulate)
  }
  let channels = g.groupChannels
  let gy = gy.assumingMemoryBound(to: T.self)
  runTaps(kernels, passes.filter { $0.depth > 0 }, images, gy, gx, accumulate, forced) {
    pass, low, high, width, to in
    var to = to
    for row in pass.rows.taps {
      for column in pass.columns.taps {
        let from = w + (row.kernel * g.kernelWidth + column.kernel) * channels * outputs + pass.firstChannel
        for output in 0..<pass.channels {
          for channel in low..<high { to[channel - low] = from[channel * outputs + output] }
          (to + high - low).update(repeating: 0, count: width - (high - low))
          to += width
        }
      }
    }
  }
}

@specialized(where T == Float)
@specialized(where T == Double)
func directWeightGradient<T: Scalar>(
  _: T.Type, _ kernels: ConvolutionKernels, _ g: WindowGeometry, _ images: Int, _ outputs: Int,
  _ gy: UnsafeRawPointer,
  _ x: UnsafeRawPointer, _ gw: UnsafeMutableRawPointer, _ accumulate: Bool, _ forced: PassVectors? = nil
) {
  let gw = gw.assumingMemoryBound(to: T.self)
  guard g.patchSize > 0, outputs > 0 else { return }
  guard images > 0 else { return clear(gw, g.patchSize * outputs, accumulate) }
  for group in 0..<g.groups {
    let pass = TapPass(forward: g, outputs, group)
    directWeightGradient(
      kernels, pass, images, gy.assumingMemoryBound(to: T.self), x.assumingMemoryBound(to: T.self),
      gw + group * pass.outputs, outputs, accumulate, forced)
  }
}

private func clear<T: Scalar>(_ p: UnsafeMutablePointer<T>, _ count: Int, _ accumulate: Bool) {
  if !accumulate { fill(T.self, p, count, 0) }
}

extension TapPass {
  init(forward g: WindowGeometry, _ outputs: Int, _ group: Int) {
    let perGroup = outputs / g.groups
    self.init(
      height: g.height, width: g.width, pitch: g.channels, firstChannel: group * g.groupChannels,
      channels: g.groupChannels, strideY: g.strideY, strideX: g.strideX,
      rows: Taps((0..<g.kernelHeight).map { Tap(offset: $0 * g.dilationY - g.padY, kernel: $0) }),
      columns: Taps((0..<g.kernelWidth).map { Tap(offset: $0 * g.dilationX - g.padX, kernel: $0) }),
      outputHeight: g.outputHeight, outputWidth: g.outputWidth, yFirst: group * perGroup,
      yImage: g.positions * outputs, yRow: g.outputWidth * outputs, yPixel: outputs, outputs: perGroup)
  }

  /// One pass for each group and each place modulo the stride: pixel a + j stride takes from gradient j + offset where
  /// a + pad - k dilation = offset stride. Without taps the gradient there is zero.
  static func inputGradient(_ g: WindowGeometry, _ outputs: Int) -> [TapPass] {
    func taps(_ place: Int, _ pad: Int, _ kernel: Int, _ dilation: Int, _ stride: Int) -> Taps {
      Taps(
        (0..<kernel).reversed().compactMap { k in
          let distance = place + pad - k * dilation
          return distance % stride == 0 ? Tap(offset: distance / stride, kernel: k) : nil
        })
    }
    let perGroup = outputs / g.groups
    var passes: [TapPass] = []
    for group in 0..<g.groups {
      for a in 0..<min(g.strideY, g.height) {
        for b in 0..<min(g.strideX, g.width) {
          passes.append(
            TapPass(
              height: g.outputHeight, width: g.outputWidth, pitch: outputs, firstChannel: group * perGroup,
              channels: perGroup, strideY: 1, strideX: 1,
              rows: taps(a, g.padY, g.kernelHeight, g.dilationY, g.strideY),
              columns: taps(b, g.padX, g.kernelWidth, g.dilationX, g.strideX),
              outputHeight: (g.height - a + g.strideY - 1) / g.strideY,
              outputWidth: (g.width - b + g.strideX - 1) / g.strideX,
              yFirst: (a * g.width + b) * g.channels + group * g.groupChannels, yImage: g.imageSize,
              yRow: g.strideY * g.width * g.channels, yPixel: g.strideX * g.channels, outputs: g.groupChannels
            ))
        }
      }
    }
    return passes
  }
}
