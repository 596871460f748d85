//! What goes wrong, and what is said then. Nothing to call: a page to read.
//!
//! Bad input makes an [`Error`](crate::Error), never a panic, and what was on the disk before is there afterwards. Files are
//! written whole or not at all; a header is believed only as far as the size of its file allows; what is read back from
//! model, checkpoint and detector files has a checksum.
//!
//! A test takes the table below row by row, does what the row says and compares the message word for word. `…` stands for
//! the folder that the test works in.
//!
//! | what was done | what is said |
//! |---|---|
//! | a batch size of 0 | the batch size must be 1 or more, got 0 |
//! | `images.chunks(0)` | batches of 0 images: expected a batch size of 1 or more |
//! | 0 epochs | epochs must be 1 or more, got 0 |
//! | training on no images | there are no images to train on |
//! | a latent space of 0 dimensions | latent of an MlpVae must be 1 or more, got 0 |
//! | the same, convolutional | latent of a ConvVae must be 1 or more, got 0 |
//! | a hidden layer as wide as memory | this MlpVae would have 700976274800962961370 weights, more than 2147483648; make its hidden layers smaller |
//! | a learning rate of 0 | the learning rate must be positive and finite, got 0 |
//! | a learning rate of −1 | the learning rate must be positive and finite, got -1 |
//! | a learning rate of NaN | the learning rate must be positive and finite, got NaN |
//! | β of −1 | beta of an Elbo must be 0 or more and finite, got -1 |
//! | holding out more images than there are | cannot hold out 20 of 20 images: expected at least 1, and fewer than there are |
//! | images with NaN, scored | image 0 has a pixel of NaN: expected numbers in \[0, 1\] (bytes are divided by 255) |
//! | bytes that were not divided by 255, scored | image 0 has a pixel of 128: expected numbers in \[0, 1\] (bytes are divided by 255) |
//! | images of another shape, encoded | images to encode: expected shape (batch, 1, 4, 4) or (batch, 16), got \[2, 1, 5, 4\] |
//! | images of another type, encoded | images to encode: expected type F32, that of the weights, got F64; convert with .to_dtype(DType::F32)? |
//! | codes of another type, decoded | codes to decode: expected type F32, that of the weights, got F64; convert with .to_dtype(DType::F32)? |
//! | pixels of another type, judged by a distribution | x of a Bernoulli: expected type F32, that of the parameters, got F64; convert with .to_dtype(DType::F32)? |
//! | images that are not contiguous | no error: it works |
//! | fewer labels than images | 1 labels need 1 images of 1×4×4 = 16 bytes each, got 32 bytes |
//! | a file with a label of which there is no class | …/mnist: the label of training image 2 is 10: expected 0 to 9; fetch the files again |
//! | an image file whose header announces 4 billion images | …/train-images-idx3-ubyte: is cut short or not what it says: its header announces 4294967295×28×28 = 3367254359280 bytes of images, but a file of 17 bytes cannot hold them; fetch it again (`make data`) |
//! | labels where images should be | …/train-images-idx3-ubyte: expected an IDX file of images, which starts with 00000803, got 00000801 (a label file) |
//! | an image file that was cut short | …/images.gz: is cut short: the gzip stream ends too early, after 21 unpacked bytes; fetch it again (`make data`) |
//! | a photograph where a picture of 28×28 pixels should be | …/mine.png: is 480×640 pixels (height × width) and not 28×28; call `.resize(28, 28)?` before `.tensor(…)` if the whole picture is meant |
//! | a picture of another format | …/mine.jpg: is not a PNG picture, the one format that is read; save or convert it as PNG |
//! | weights of another architecture | …/model.safetensors: belongs to another model: it holds {"config":{"activation":"relu","hidden":\[3\],"image":\[1,4,4\],"latent":2,"observation":"bernoulli"},"kind":"mlp"}, this one is {"config":{"activation":"relu","hidden":\[3\],"image":\[1,4,4\],"latent":3,"observation":"bernoulli"},"kind":"mlp"} |
//! | weights of another kind of model | …/model.safetensors: expected a model of kind "conv", got "mlp" |
//! | weights of which one bit has changed | …/model.safetensors: is damaged: its checksum is not that of its content; use another copy |
//! | weights with NaN among them | …/model.safetensors: the tensor "decoder.fc1.bias" holds NaN or infinity; go back to a file from before that |
//! | weights as whole numbers | …/model.safetensors: its tensor "decoder.fc1.bias" is of type U8: expected F16, BF16, F32 or F64; convert it |
//! | a text where weights should be | …/model.safetensors: not a readable safetensors file: header too large |
//! | a model where a detector should be | …/model.safetensors: expected a detector, as Detector::save writes it, got "mlp" |
//! | resuming with other settings | …/last.safetensors: belongs to another run (adam: learning_rate: 0.001 there, 0.1 here; batch_size: 8 there, 4 here); use its settings, or another folder to start anew |
//! | starting where an earlier run has its checkpoint | …/last.safetensors: is the checkpoint of an earlier run; resume it, or choose another folder to start anew |
//! | resuming from a checkpoint that was cut short | …/last.safetensors: not a readable safetensors file: invalid header length |
//! | two trainings in one folder | …: another training writes its checkpoints here; give this one another folder |
//! | a history that is none | …/history.json: not a training history: invalid type: integer `3`, expected a sequence at line 1 column 12 |
//! | a model saved into a folder that is not there | …/none/model.safetensors: the folder …/none does not exist; create it first |
//! | a model saved where a folder is | …: is a folder: cannot be written over; choose another name |
//! | a model opened where a folder is | …: is a folder: expected a safetensors file |
//! | a model opened where nothing is | …/model.safetensors: No such file or directory (os error 2) |
//! | checkpoints where a file is | …/run: is no folder: expected one for checkpoints; choose another name |
//! | training onto a full disk | …/disk/run/best.safetensors: No space left on device (os error 28) |
//! | training onto a read-only disk | …/disk/run: Read-only file system (os error 30) |
