//! Where the time of a training step goes on the CPU, and what was done about it. Nothing to call: a page to read.
//!
//! # What a step has to do
//!
//! Nearly all arithmetic of a VAE is matrix products. Forward, each weight is multiplied once for each image (in a
//! convolution: once for each image and output pixel); backward twice, for the gradients of weights and inputs; and nobody
//! needs the gradient of the images. For 784–400–20 and a batch of 128 that is 0.42 billion operations, for the
//! convolutional network and a batch of 100 it is 9.7 billion. Divided by the speed of one large matrix product on the same
//! machine this makes the **floor** that `make bench` prints beside each time.
//!
//! # Where candle's step went
//!
//! Measured on two cores with AVX-512 before any of this: 32 ms for 784–400–20, of which the floor is 1.2 ms, and 770–900 ms
//! for the convolutional network, floor 27 ms. A profile of both found, from the top:
//!
//! | where | why | what was done |
//! |---|---|---|
//! | the optimizer: 18 of 32 ms | a dozen tensor operations for each parameter, each with a result of its own | [`Adam`](crate::optim::Adam) makes one pass in place |
//! | matrix products | the AVX-512 kernels of the `gemm` crate are behind a feature | turned on: the feature `avx512` of this crate |
//! | `conv_transpose2d`, and the backward pass of `conv2d`, which uses it: 631 of 814 ms | a naive loop | the kernels below |
//! | the accumulators of gradients | candle fills a tensor with zeros for each gradient and adds to it, in passes of their own | a [`Stack`](crate::nn::Stack) is one operation; [`nn::backward`](crate::nn::backward) |
//! | ln(1 + eˣ) of each pixel | eight tensor operations, with the library's scalar exp and log | one pass with polynomials that the compiler makes vectors of |
//!
//! # Two register tiles
//!
//! A processor with AVX-512 multiplies and adds 16 pairs of numbers in an instruction, two instructions a cycle, but loads
//! only two vectors a cycle. A product is fast when every number that is loaded is used several times, so a *tile* of the
//! result is kept in registers: 6 rows by 64 columns are 24 vectors of sums. For each k, four vectors of the right-hand side
//! and six numbers of the left-hand one are loaded, for 24 multiply-adds.
//!
//! The left-hand side is read where it lies, through a table of where each row begins. For a fully connected layer a row is
//! a row of the weight; nothing is copied but the batch, which is small. For a convolution a row is the window of an output
//! pixel in the image (padded, channels last): within a line of the window the numbers lie together, so the table replaces
//! the copy of all windows ("im2col") that most CPU convolutions make (Dukhan 2019, "The indirect convolution algorithm").
//! A transposed convolution of stride s is cut into s² ordinary ones, one for each class of output pixels, so that no zero is
//! multiplied. The gradient of the weight is the other tile: sums over pixels instead of over the window.
//!
//! The tiles are written once, in safe Rust on the `pulp` crate, which picks AVX-512, AVX2, NEON or plain code at run time.
//! Two lessons from reading the machine code: an array of sums that is indexed by a variable anywhere lives in memory, and
//! each multiply-add then drags a store behind it (without them, the convolutions went from 70 to 28 ms); and numbers that the compiler knows to
//! lie together are loaded as a vector and shuffled apart, on the very port that multiplies, unless they are read one by one.
//!
//! # One operation for a stack
//!
//! candle gives an operation at most three arguments, and a network has dozens. [`Stack`](crate::nn::Stack) runs all its
//! layers as one operation of (x, token): the token is a single zero that depends on all weights through a chain of tiny
//! operations. Backward, the stack computes every gradient, hands candle that of x, and each link of the chain picks up
//! those of its own weight and bias. So activations and their gradients are plain buffers, the bias and the nonlinearity
//! are finished while a tile is in registers, and a convolution's backward pass goes image by image, with image, gradients
//! and weights in the second-level cache.
//!
//! `loss.backward()` works as ever. [`nn::backward`](crate::nn::backward), which [`Trainer`](crate::train::Trainer) uses,
//! hands the parameters' gradients over without candle's accumulators.
//!
//! # The same bits, whatever the threads
//!
//! Every sum has one order. Output pixels and rows are independent of each other; the sums over a batch (gradients of
//! weights and biases) are cut into groups whose size does not depend on the number of threads, and the groups are added
//! first to last. So a run repeats bit for bit on one machine with 1, 2 or 4 threads. Another instruction set sums in
//! vectors of another width: across machines, results agree to rounding only.
//!
//! # What was weighed or tried, and dropped
//!
//! - *Weighed: strided views of the padded image through the `gemm` crate*, one for each line of the window. Between lines
//!   there are seams, and computing garbage there adds 7 % at 28 × 28 pixels, 29 % at 7 × 7, and with stride 2 as much
//!   again as the result.
//! - *Tried: gathering windows where the output has one channel* (the last layer of most decoders): a vector of sums holds
//!   one number. Each small pixel's window is computed at once and added to the image instead, which took the decoder of
//!   the convolutional network from 42 to 31 ms of processor time.
//! - *Tried: a taller tile (12 rows by 32 columns) for the gradients of weights.* Its tables need registers too, and a
//!   quarter of the sums was spilled to memory; it has 8 rows now.
